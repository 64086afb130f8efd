"""How fast the model is on this machine, next to others, measured side by side."""
