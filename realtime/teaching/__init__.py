"""Tags of one's own: from a few clips to a taught tag, and what is to be expected of it."""
