"""The agents: they listen to music, imagine pictures and have them painted (MESA-MIG, first version: rules).

- `listening`: sound to a description (tempo, key, loudness, emotion as it goes on); `descriptors` sums it up in words.
- `describing`: the job that listens, and no more.
- `imagining`: a description, and a person's words, to prompts; the agents in `roles` choose, `wording` says it.
- `painting`: the job: decode, listen, imagine, paint, store.
"""
