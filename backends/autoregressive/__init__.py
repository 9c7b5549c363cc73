"""Autoregressive decoding with iteration-level batching: every request in flight takes part in every token step."""
