"""Train the captioner on what the trained audio encoder hears: ``python -m training.music_captioner.train``.

Captions are composed anew at every step from what is known of a clip; where a label is unknown, from what the audio
encoder says of it. Run again to go on.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from luce.server.music.captions import END, LENGTHS, PAD, START, TOPICS, prefix
from luce.server.music.tags import tags
from training.audio_encoder import changes
from training.audio_encoder.clips import CACHE, Clips, load
from training.audio_encoder.train import load_model
from training.checkpoints import load_checkpoint, save_checkpoint
from training.music_captioner import vocabulary
from training.music_captioner.compose import Claims, claims, compose
from training.music_captioner.network import Captioner, Sizes

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "training" / "runs" / "music_captioner"
#: Times that each clip is heard, each time altered; and shares of topics.
VERSIONS = 3
_TOPIC_SHARES = (0.52, 0.18, 0.15, 0.15)
#: Share of captions of the mean of all versions, as a whole track is captioned.
_MEAN = 0.25
_AVERAGE = 0.998


@dataclass
class Heard:
    """Clips as the audio encoder hears them: token states (V, N, 16, 256) float16, tags (V, N, k), and their claims."""

    tokens: Tensor
    labels: Tensor
    claims: list[Claims]
    odds: list[float]


def hear(clips: Clips, folder: Path) -> Heard:
    """Hear every clip in several versions, kept in files."""
    model = load_model()
    tokens, labels = [], []
    for version in range(VERSIONS):
        path = folder / f"heard_{version}.npz"
        if not path.is_file():
            np.savez(path, **_hear(model, clips, version))  # type: ignore[arg-type]
        with np.load(path) as stored:
            tokens.append(torch.from_numpy(stored["tokens"]))
            labels.append(torch.from_numpy(stored["tags"]))
    if len(tokens[0]) != len(clips):
        raise ValueError(f"{folder}: heard other clips; delete heard_*.npz")
    found = fill(clips, torch.stack(labels).mean(dim=0).numpy())
    other = np.array([claim.other is not None for claim in found])
    odds = np.where(other, 0.1 / max(other.sum(), 1), 0.9 / max((~other).sum(), 1))
    return Heard(torch.stack(tokens), torch.stack(labels), found, odds.tolist())


def imagine(clips: Clips) -> Heard:
    """Clips as a good encoder might hear them: true labels made unsure, unknown ones drawn, noise for token states.

    Words and their order can so be learned before, or beside, the audio encoder.
    """
    random_ = np.random.default_rng(0)
    truth, shape = clips.labels.astype(np.float32), (VERSIONS, *clips.labels.shape)
    music = (truth[:, [tags().index("music")]] > 0.5).astype(np.float32)
    guess = np.where(np.isfinite(truth), truth, music * (random_.random(truth.shape) < 0.12))
    high, low = random_.uniform(0.5, 1.0, shape), random_.uniform(0.0, 1.0, shape) ** 3 * 0.45
    heard = (guess * high + (1 - guess) * low).astype(np.float32)
    tokens = random_.standard_normal((VERSIONS, len(clips), 16, 256)).astype(np.float16)
    return Heard(torch.from_numpy(tokens), torch.from_numpy(heard), fill(clips, guess), [1.0] * len(clips))


def _hear(model: torch.nn.Module, clips: Clips, version: int) -> dict[str, np.ndarray]:
    tokens, labels = [], []
    with torch.inference_mode():
        for start in range(0, len(clips), 32):
            mel = torch.from_numpy(clips.mel[start : start + 32]).float() / 2.5 - 100
            if version > 0:
                mel = changes.distort(mel, torch.Generator().manual_seed(version * 100003 + start))
            _, logits, _, states = model(mel)
            tokens.append(states.half().numpy())
            labels.append(logits.sigmoid().numpy())
    return {"tokens": np.concatenate(tokens), "tags": np.concatenate(labels)}


def fill(clips: Clips, heard: np.ndarray) -> list[Claims]:
    """Claims of each clip: the truth, and where it is unknown the encoder's word."""
    names, result = tags().names, []
    for row, source, guess in zip(clips.labels.astype(np.float32), clips.source, heard, strict=True):
        values = np.where(np.isfinite(row), row, np.where(guess >= tags().thresholds, 0.99, 0.2))
        recorded = str(source).startswith("emotify/")
        result.append(claims(dict(zip(names, values.tolist(), strict=True)), complete=not recorded))
    return result


class Batches:
    """Captions of clips, composed as they are asked for."""

    def __init__(self, heard: Heard, tokenizer: Tokenizer) -> None:
        self._heard = heard
        self._tokenizer = tokenizer
        self._lengths: dict[str, int] = {}

    def batch(self, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, T), token states (B, 16, 256) and tags (B, k); all captions are of one length."""
        pick, heard = random.Random(seed), self._heard
        length = pick.choice(LENGTHS)
        rows = pick.choices(range(len(heard.claims)), heard.odds, k=size)
        texts = []
        for row in rows:
            topic = pick.choices(TOPICS, _TOPIC_SHARES)[0]
            text = compose(heard.claims[row], topic, length - 1, pick, self._measure)
            texts.append([START, *prefix(topic, length).tolist(), *self._tokenizer.encode(text).ids, END])
        longest = max(len(text) for text in texts)
        tokens = torch.tensor([text + [PAD] * (longest - len(text)) for text in texts])
        version = torch.tensor([pick.randrange(VERSIONS) for _ in rows])
        states, labels = heard.tokens[version, rows].float(), heard.labels[version, rows].float()
        mean = torch.tensor([pick.random() < _MEAN for _ in rows])
        states[mean] = heard.tokens[:, rows].float().mean(dim=0)[mean]
        labels[mean] = heard.labels[:, rows].float().mean(dim=0)[mean]
        return tokens, states, labels

    def _measure(self, sentence: str) -> int:
        if sentence not in self._lengths:
            self._lengths[sentence] = len(self._tokenizer.encode(sentence).ids)
        return self._lengths[sentence]


def load_captioner(run: Path = RUN) -> Captioner:
    """The averaged model of a run. Raises FileNotFoundError where there is none."""
    found = load_checkpoint(run / "checkpoint")
    if found is None:
        raise FileNotFoundError(f"{run}/checkpoint: nothing trained yet")
    tokenizer = vocabulary.load(run / "tokenizer.json")
    model = Captioner(Sizes(vocabulary=tokenizer.get_vocab_size(), labels=len(tags().entries)))
    model.load_state_dict({name[8:]: value for name, value in found[0].items() if name.startswith("average.")})
    return model.eval()


def main() -> None:
    """Train for a number of captions, or of seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--captions", type=int, default=96000, help="length of the whole run")
    parser.add_argument("--seconds", type=float, default=540.0, help="length of this slice")
    parser.add_argument("--imagined", action="store_true", help="learn words before the audio encoder is trained")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has AVX512_BF16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    tokenizer = vocabulary.load(options.run / "tokenizer.json")
    clips = load(options.cache)
    clips = clips.select(clips.split == "train")
    batches = Batches(imagine(clips) if options.imagined else hear(clips, options.run), tokenizer)
    torch.manual_seed(0)
    model = Captioner(Sizes(vocabulary=tokenizer.get_vocab_size(), labels=len(tags().entries)))
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.02, betas=(0.9, 0.98))
    seen, stored = 0, load_checkpoint(options.run / "checkpoint")
    if stored is not None:
        tensors, state = stored
        seen = int(state["seen"])
        model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
        average = {name[8:]: value for name, value in tensors.items() if name.startswith("average.")}
    began, step, smooth = time.monotonic(), 0, 0.0
    model.train()
    while seen < options.captions and time.monotonic() - began < options.seconds:
        tokens, states, labels = batches.batch(options.batch, seen)
        done = seen / options.captions
        optimiser.param_groups[0]["lr"] = (
            options.rate * min(1.0, (seen + 480) / 4800) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            logits = model(tokens[:, :-1], states, labels).float()
        # The start is followed by the prefix, which is given: the model learns from the third token on.
        loss = functional.cross_entropy(logits[:, 2:].flatten(0, 1), tokens[:, 3:].flatten(), ignore_index=PAD)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seen, step = seen + options.batch, step + 1
        keep = min(_AVERAGE, seen / (seen + 10 * options.batch))
        for name, value in model.state_dict().items():
            average[name].mul_(keep).add_(value.detach(), alpha=1 - keep)
        smooth = float(loss) if step == 1 else 0.95 * smooth + 0.05 * float(loss)
        if step % 25 == 0:
            seconds = round(time.monotonic() - began)
            print(json.dumps({"seen": seen, "seconds": seconds, "loss": round(smooth, 4)}), flush=True)
        if step % 200 == 0:
            _save(options.run, model, average, seen)
    _save(options.run, model, average, seen)


def _save(run: Path, model: Captioner, average: dict[str, Tensor], seen: int) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    save_checkpoint(run / "checkpoint", tensors, {"seen": seen})


if __name__ == "__main__":
    main()
