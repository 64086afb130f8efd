"""Any sound as 16 kHz mono, in one way: for training and for running."""
