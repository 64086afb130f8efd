"""What is heard live, as one stream of items for all who want to know."""
