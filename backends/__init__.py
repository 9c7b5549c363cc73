"""Triton backends in Python. They run inside Triton's own processes and never import a service."""
