"""A trained network in forms that run without torchnet: source text for PyTorch, and a graph for ONNX Runtime."""
