"""What is learned from: readers of data sets, decoded sound, and what teachers heard in it."""
