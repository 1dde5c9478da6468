"""Exporting a trained network: as source for torch.nn and as an ONNX graph."""
