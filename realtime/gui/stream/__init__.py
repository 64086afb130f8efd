"""What was heard, as it is looked back on."""
