"""The file that what was heard is kept in: written live, read at any time."""
