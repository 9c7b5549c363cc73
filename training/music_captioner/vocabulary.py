"""The captioner's tokenizer: byte-level BPE over composed captions, so that nearly every word is one token."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from luce.server.music.captions import FIRST_WORD, LENGTHS, TOPICS
from luce.server.music.tags import tags
from training.music_captioner.compose import claims, compose

#: Special tokens in the order of ``luce.server.music.captions``.
SPECIAL = ("[PAD]", "[START]", "[END]", "[UNK]", *(f"[{topic}]" for topic in TOPICS), *(f"[{n}]" for n in LENGTHS))
#: Most tokens; there are fewer where all words of the captions are whole before.
SIZE = 1280


def corpus(count: int, seed: int = 0) -> Iterator[str]:
    """Captions of random labels."""
    pick = random.Random(seed)
    for _ in range(count):
        values = {tag.name: 0.0 for tag in tags().entries} | {"music": 1.0}
        for dimension, most in (("instruments", 5), ("styles", 1), ("moods", 3), ("tempo", 1), ("voice", 1)):
            names = [tag.name for tag in tags().entries if tag.dimension == dimension]
            values |= dict.fromkeys(pick.sample(names, pick.randint(0, min(most, len(names)))), 1.0)
        if pick.random() < 0.2:
            kind = pick.choice(("speech", "noise", "tone", "click", "silence"))
            values |= {"music": 0.0, kind: 1.0}
        known = claims(values, complete=pick.random() < 0.5)
        yield compose(known, pick.choice(TOPICS), pick.choice(LENGTHS), pick)


def train(count: int = 20000) -> Tokenizer:
    """Learn a tokenizer, which reads any text and writes it back."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        show_progress=False,
        special_tokens=[AddedToken(name, special=True) for name in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(corpus(count), trainer)
    if len(SPECIAL) != FIRST_WORD:
        raise ValueError("the special tokens contradict luce.server.music.captions")
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Read a tokenizer, or learn and write it where there is none."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        train().save(str(path))
    return Tokenizer.from_file(str(path))
