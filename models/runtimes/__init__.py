"""What runs a model: the processor's graphs or torch, behind one protocol."""
