"""The music emotion model: descriptors of a window of music to valence and arousal, with their uncertainty."""
