"""The commands that listen: each declares its arguments and runs."""
