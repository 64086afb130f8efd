"""Files of any number: found, read, tagged, and written as records."""
