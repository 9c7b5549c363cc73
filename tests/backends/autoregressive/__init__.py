"""The autoregressive backend without a server."""
