"""Networks for use elsewhere: C, ONNX, PyTorch and plain sparse arrays."""
