"""How well captions keep to what is heard, on clips that were never trained on.

Run ``python -m training.evaluate.captions``: it hears the test clips of ``training.audio_encoder.clips`` with the
served encoder, captions them with the served decoder, compares the captions' claims with what is known, and writes
``model_repository/music_captioner/metrics.json``.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from backends.autoregressive.engine import Limits
from backends.autoregressive.events import Finished
from backends.autoregressive.loading import Options, load_engine
from backends.autoregressive.request import DecodingRequest
from luce.server.music.captions import LENGTHS, prefix
from luce.server.music.tags import tags
from training.audio_encoder.clips import CACHE, Clips, load
from training.audio_encoder.texts import TextEncoder, known_claims
from training.evaluate.hearing import hear
from training.evaluate.tagging import Array, tag_metrics
from training.music_captioner.compose import compose
from training.music_captioner.mentions import mentioned

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "model_repository" / "music_captioner"
_OTHER = ("speech", "noise", "tone", "click", "silence")
_ROWS = 16


class Writer:
    """The served captioner without a server.

    Args:
        folder: of the model.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        limits = Limits(rows=_ROWS, waiting=4096)
        self._engine, _, _ = load_engine(folder / "1", Options(limits=limits, threads=1))
        self._tokenizer = Tokenizer.from_file(str(folder / "1" / "tokenizer.json"))

    def __call__(self, heard: dict[str, Array], topic: str, length: int, *, temperature: float = 0.0) -> list[str]:
        """A caption of each clip; sampled with its number as the seed where the temperature is above 0."""
        count, texts = len(heard["tags"]), dict[int, str]()
        for number in range(count):
            conditions = {name: heard[name][number] for name in ("audio_tokens", "tags")}
            self._engine.submit(
                number,
                DecodingRequest(
                    seed=number,
                    max_tokens=length,
                    prefix=prefix(topic, length)[:, None].astype(np.int64),
                    temperature=temperature,
                    conditions=conditions,
                ),
            )
        while len(self._engine):
            for number, event in self._finished():
                texts[number] = self._tokenizer.decode(event.tokens.ravel().tolist())
        return [texts[number] for number in range(count)]

    def _finished(self) -> Iterator[tuple[int, Finished]]:
        for number, events in self._engine.step().items():
            for event in events:
                if isinstance(event, Finished):
                    yield int(str(number)), event


def claimed(texts: Sequence[str]) -> Array:
    """Which labels each text claims, (N, k) of bool."""
    return np.array([[name in found for name in tags().names] for found in map(mentioned, texts)])


def figures(clips: Clips, heard: dict[str, Array], write: Writer) -> dict[str, object]:
    """Precision and recall of what captions claim, how alike they are to composed ones, and how they differ."""
    truth = clips.labels.astype(np.float32)
    source = np.array([str(name).partition("/")[0] for name in clips.source])
    music = ~np.isin(source, _OTHER)
    rendered = music & (source != "emotify")
    result: dict[str, object] = {"captions": len(clips)}
    by_length = {length: write(heard, "whole", length) for length in LENGTHS}
    for length, texts in by_length.items():
        told, part = claimed(texts), dict[str, object]()
        for dimension in ("instruments", "styles", "tempo", "moods"):
            columns = tags().columns(dimension)
            part[dimension] = tag_metrics(truth[rendered][:, columns], told[rendered][:, columns]).rounded()
        words = np.array([len(text.split()) for text in texts])[music]
        part["words"] = {"mean": round(float(words.mean()), 1), "most": int(words.max())}
        part["different"] = round(len(set(texts)) / len(texts), 3)
        part["ends_whole"] = round(float(np.mean([text.endswith(".") for text in texts])), 3)
        result[f"whole_{length}"] = part
    columns = tags().columns("instruments")
    told = claimed(write(heard, "instruments", 20))
    result["instruments_20"] = tag_metrics(truth[rendered][:, columns], told[rendered][:, columns]).rounded()
    told = claimed(write(heard, "whole", 50, temperature=0.7))
    result["sampled_50"] = tag_metrics(truth[rendered][:, columns], told[rendered][:, columns]).rounded()
    result["not_music_said_so"] = _honesty(by_length[50], source, music)
    chosen = [text for text, row in zip(by_length[50], rendered, strict=True) if row]
    result["likeness"] = _likeness(clips.select(rendered), chosen)
    return result


def _honesty(texts: list[str], source: Array, music: Array) -> dict[str, float]:
    """Share of sounds that are told for what they are, and of music that is told as music."""
    denied = np.array([bool(mentioned(text) & set(_OTHER)) for text in texts])
    right = np.array([name in mentioned(text) for text, name in zip(texts, source, strict=True)])
    found = {name: round(float(right[source == name].mean()), 3) for name in _OTHER if (source == name).any()}
    return found | {"music_denied": round(float(denied[music].mean()), 3)}


def _likeness(clips: Clips, texts: list[str]) -> dict[str, float]:
    """Cosine, in the text encoder's space, to a composed caption of the same clip, and of another one."""
    pick, encode = random.Random(7), TextEncoder()
    composed = encode([compose(known, "whole", 42, pick) for known in known_claims(clips)])
    written = encode(texts)
    own = float((written * composed).sum(axis=1).mean())
    other = float((written * np.roll(composed, len(texts) // 3, axis=0)).sum(axis=1).mean())
    return {"same_clip": round(own, 3), "another_clip": round(other, 3)}


def _fair_share(clips: Clips, most: int) -> Array:
    """Indices: of a recording's overlapping windows the first, of rendered ones at most so many, the rest."""
    source = np.array([str(name).partition("/")[0] for name in clips.source])
    recorded, other = source == "emotify", np.isin(source, _OTHER)
    _, first = np.unique(clips.name, return_index=True)
    rendered = np.flatnonzero(~recorded & ~other)
    rendered = rendered[:: max(1, -(-len(rendered) // most))]
    return np.concatenate([rendered, np.flatnonzero(other), [row for row in first if recorded[row]]]).astype(np.int64)


def main() -> None:
    """Caption, measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--rendered", type=int, default=640, help="rendered windows at most, taken evenly")
    parser.add_argument("--show", type=int, default=0, help="print as many captions of each source too")
    options = parser.parse_args()
    clips = load(options.cache)
    clips = clips.select(clips.split == "test")
    clips = clips.select(np.sort(_fair_share(clips, options.rendered)))
    heard, write = hear(clips), Writer()
    found = figures(clips, heard, write)
    (FOLDER / "metrics.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    if options.show:
        chosen = np.random.default_rng(0).permutation(len(clips))[: options.show]
        few = {name: values[chosen] for name, values in heard.items()}
        for row, known, text in zip(chosen, known_claims(clips.select(chosen)), write(few, "whole", 50), strict=True):
            print(f"\n{clips.source[row]} {clips.name[row]}\n  {known}\n  {text}")


if __name__ == "__main__":
    main()
