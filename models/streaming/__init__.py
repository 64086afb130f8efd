"""From sound to results: the one engine, for one window and for many."""
