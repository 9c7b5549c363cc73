"""Media into vectors, feelings and music (CoT-VTM, Story2MIDI).

- `core`, `servicer`: the operations that answer at once; `embedding`, `feeling` and `aligning` do their work.
- `composing`: the job that turns words, or a MIDI file to go on from, into music; `reading` and `continuing` begin it.
- `scoring`: the job that turns a picture or a video into music; `seeing` begins it.
- `wishing`: from the chain of thought to what the composer is asked for; `orders`: what the caller asked for.
- `pieces`: candidates, the nearest of them, its sound, its files; `writing` drives the composer, `judging` tells how
  notes feel, `live` plays what is still being written, `accents` stresses notes.
"""
