"""The real servers (Triton, NATS, PostgreSQL) from their wheels, on loopback."""
