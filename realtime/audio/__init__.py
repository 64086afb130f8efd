"""Where live sound comes from."""
