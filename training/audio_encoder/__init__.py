"""The audio encoder: a window of sound to an embedding beside texts, token states for the captioner, and labels."""
