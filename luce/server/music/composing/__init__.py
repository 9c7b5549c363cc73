"""Symbolic music: scores, the composer's tokens, its controls, and MIDI files in and out."""
