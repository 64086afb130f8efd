"""What a recipe is worth: the same training with one thing changed, or with another seed."""
