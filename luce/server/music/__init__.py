"""What can be heard in a piece of music: tempo, key, loudness and descriptors, in numpy and scipy alone.

The door is :func:`luce.server.music.analysis.analyze`.
"""
