"""The agents: they listen to music, imagine pictures and have them painted (MESA-MIG, MusePainter).

- `hearing`: music into a description. `listening` hears a recording piece by piece (signal, notes, and through
  `encoding` what `audio_encoder` tells), `reading` reads MIDI, `captioning` has captions written, `verbalising` finds
  the words: `texts` offers them, `filtering` keeps the best; `tagging`, `descriptors`, `moods`, `summary` say what
  follows from it.
- `describing`: the job that listens, and no more.
- `imagining`: a description, and a person's words, to prompts. The seven agents are in `roles`; `deliberation` lets
  them think on a `blackboard`, by their rules or with one of the `minds`; `options` says who has a say, `baselines`
  stand in for all of them. `matching` looks up what the music calls for, `naming` what words name, `sensing` how words
  feel, `phrasing` how prompts are built, `telling` makes the answer.
- `painting`: the job: decode, listen, imagine, paint, look, store; `sequence` and `filming` make animations.
"""
