"""How the network gets its weights: data sets, recipes, training, evaluation, export."""
