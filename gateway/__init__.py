"""The public face of Luce: HTTP and gRPC in front of one core."""
