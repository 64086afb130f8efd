"""Where a live stream can be told to: one file for each way."""
