"""Stand-in for Triton's ONNX Runtime backend, where the server comes from a wheel that has only the Python backend."""
