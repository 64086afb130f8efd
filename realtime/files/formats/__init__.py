"""How records are written: for people, programs, and editors of labelled sound."""
