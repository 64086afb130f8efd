"""Tags of one's own, layered on a bundle: linear on its embeddings, its branches untouched."""
