"""What the network is; knows nothing of microphones, commands or data sets."""
