"""The agents: they listen to music, imagine pictures and have them painted (MESA-MIG, first version: rules).

- `hearing`: music into a description. `listening` hears a recording piece by piece (signal, notes, and through `encoding`
  what `audio_encoder` tells), `reading` reads MIDI, `captioning` has captions written, `verbalising` finds the words:
  `texts` offers them, `filtering` keeps the best; `tagging`, `descriptors`, `moods`, `summary` say what follows from it.
- `describing`: the job that listens, and no more.
- `imagining`: a description, and a person's words, to prompts; the agents in `roles` choose, `wording` says it.
- `painting`: the job: decode, listen, imagine, paint, store.
"""
