"""How good a model is: measures, and the report that states them."""
