"""The model as ONNX graphs, made from the weights of a bundle when it is loaded."""
