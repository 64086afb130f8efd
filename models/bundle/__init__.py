"""Bundles: a model on disk, checked before anything of it is read."""
