"""The note emotion model: descriptors of notes, written or transcribed, to valence and arousal."""
