"""How the network gets its weights: a recipe, a stage to a file."""
