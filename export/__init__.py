"""Published checkpoints and studio models to a Triton model repository."""
