"""Readers of corpora in their official layouts, each giving clips with labels and a split."""
