"""Media into vectors, feelings and music (CoT-VTM, Story2MIDI).

- `core`, `servicer`: the operations that answer at once.
"""
