"""all-MiniLM-L6-v2 to an 8-bit, batch-invariant ONNX sentence encoder. Run ``python -m export.text_encoder``."""
