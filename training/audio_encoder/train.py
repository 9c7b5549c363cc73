"""Train the audio encoder: ``python -m training.audio_encoder.train``; run again to go on.

Its clips are those of ``training.audio_encoder.clips``. It learns labels where they are known, YAMNet's features
where it was asked, and to lie where the text encoder puts the clip's captions (Radford 2021, with the texts' own
likeness as the target).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from luce.server.music.tags import tags
from training.audio_encoder import changes, texts
from training.audio_encoder.clips import CACHE, FEATURE_MAX, Clips, load
from training.audio_encoder.network import AudioEncoder, Sizes
from training.checkpoints import load_checkpoint, save_checkpoint

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "training" / "runs" / "audio_encoder"
_TEMPERATURE = 0.06
#: Shares of recordings and of sounds that are not music in what is learned from.
_RECORDED, _OTHER = 0.3, 0.12
#: Shares of clips that another one is laid over, that somebody talks over, and of ensembles made of stems instead.
_MIXED, _TALKED_OVER, _ENSEMBLES = 0.12, 0.04, 0.4
#: Most stems of an ensemble, and the range of their gains in dB.
_MOST_STEMS, _STEM_GAIN = 4, (-9.0, 3.0)
_AVERAGE = 0.998
#: How much more an instrument counts than another label: it is heard, not judged.
_EMPHASIS = 2.0


@dataclass
class Material:
    """Clips to learn from as tensors, and how often each is drawn."""

    clips: Clips
    mel: Tensor
    labels: Tensor
    features: Tensor
    taught: Tensor
    vectors: Tensor
    odds: Tensor
    instruments: Tensor
    rendered: Tensor
    speech: Tensor
    stems: Tensor
    stem_labels: Tensor
    stem_odds: Tensor

    @classmethod
    def of(cls, clips: Clips, vectors: np.ndarray, stems: Clips) -> Material:
        """Everything of the training split, and stems, all labels of which are equally likely."""
        source = np.array([str(name).partition("/")[0] for name in clips.source])
        recorded = source == "emotify"
        other = np.isin(source, ("speech", "noise", "tone", "click", "silence"))
        odds = np.where(recorded, _RECORDED / max(recorded.sum(), 1), 0.0)
        odds = np.where(other, _OTHER / max(other.sum(), 1), odds)
        rendered = ~recorded & ~other
        odds = np.where(rendered, (1 - _RECORDED - _OTHER) / max(rendered.sum(), 1), odds)
        features = torch.from_numpy(clips.features).float() * (FEATURE_MAX / 255)
        return cls(
            clips,
            torch.from_numpy(clips.mel),
            torch.from_numpy(clips.labels).float(),
            features,
            features.sum(dim=1) > 0,
            torch.from_numpy(vectors).float(),
            torch.from_numpy(odds),
            torch.tensor(tags().columns("instruments")),
            torch.from_numpy(rendered),
            torch.from_numpy(np.flatnonzero(source == "speech")),
            torch.from_numpy(stems.mel),
            torch.from_numpy(stems.labels).float(),
            torch.from_numpy(1.0 / np.array([(stems.source == name).sum() for name in stems.source], np.float64)),
        )

    def __len__(self) -> int:
        return len(self.mel)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Mel, labels, features, whether they are known, a caption's vector, and whether it still fits."""
        rows = torch.multinomial(self.odds, size, replacement=True, generator=generator)
        mel, labels = self.mel[rows].float() / 2.5 - 100, self.labels[rows].clone()
        form = torch.randint(self.vectors.shape[1], (size,), generator=generator)
        vectors, plain = self.vectors[rows, form], torch.ones(size, dtype=torch.bool)
        partner = torch.multinomial(self.odds * self.rendered + 1e-12, size, replacement=True, generator=generator)
        draw = torch.rand(size, generator=generator)
        both = (draw < _MIXED) & self.rendered[rows]
        talked = (draw > 1 - _TALKED_OVER) & self.rendered[rows] & (len(self.speech) > 0)
        if bool(talked.any()):
            partner = torch.where(talked, self.speech[rows % max(len(self.speech), 1)], partner)
        over = both | talked
        gain = torch.rand(size, generator=generator) * 10 - 5
        if bool(over.any()):
            mel[over] = changes.mix(mel[over], self.mel[partner[over]].float() / 2.5 - 100, gain[over])
        joined = torch.full_like(labels, float("nan"))
        joined[:, self.instruments] = torch.maximum(labels, self.labels[partner])[:, self.instruments]
        music = tags().columns("sound")
        joined[:, music] = torch.maximum(labels, self.labels[partner])[:, music]
        labels = torch.where(over[:, None], joined, labels)
        ensemble = torch.rand(size, generator=generator) < _ENSEMBLES
        if bool(ensemble.any()):
            mel[ensemble], labels[ensemble] = self._ensembles(int(ensemble.sum()), generator)
            over |= ensemble
        mel = changes.distort(mel, generator)
        return mel, labels, self.features[rows], self.taught[rows] & ~over, vectors, plain & ~over

    def _ensembles(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """One to four stems on top of each other, each at a level of its own."""
        first = torch.multinomial(self.stem_odds, size, replacement=True, generator=generator)
        mel, labels = changes.colour(self.stems[first].float() / 2.5 - 100, generator), self.stem_labels[first].clone()
        count = torch.randint(1, _MOST_STEMS + 1, (size,), generator=generator)
        low, high = _STEM_GAIN
        for number in range(2, _MOST_STEMS + 1):
            more = torch.multinomial(self.stem_odds, size, replacement=True, generator=generator)
            gain = low + (high - low) * torch.rand(size, generator=generator)
            larger = count >= number
            added = changes.colour(self.stems[more[larger]].float() / 2.5 - 100, generator)
            shifted = torch.roll(added, 37 * number, dims=1)
            mel[larger] = changes.mix(mel[larger], shifted, gain[larger])
            both = labels.clone()
            both[:, self.instruments] = torch.maximum(labels, self.stem_labels[more])[:, self.instruments]
            labels = torch.where(larger[:, None], both, labels)
        return mel, labels


def losses(
    model: AudioEncoder,
    batch: tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor],
    weight: Tensor,
    scale: Tensor,
    emphasis: Tensor,
) -> dict[str, Tensor]:
    """The parts of the loss of a batch.

    Args:
        model: what learns.
        batch: of :meth:`Material.batch`.
        weight: (k,) of positives.
        scale: (1024,) spread of the teacher's features.
        emphasis: (k,) of labels.
    """
    mel, labels, features, taught, vectors, fits = batch
    embedding, logits, guess, _ = model(mel)
    known = torch.isfinite(labels)
    each = functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, labels, 0.0), pos_weight=weight, reduction="none"
    )
    told = known * emphasis
    found = {"labels": (each * told).sum() / told.sum()}
    error = functional.smooth_l1_loss(guess, features / scale, reduction="none").mean(dim=1)
    found["teacher"] = (error * taught).sum() / taught.sum().clamp_min(1)
    heard, said = embedding[fits], vectors[fits]
    target = (said @ said.t() / _TEMPERATURE).softmax(dim=1)
    likeness = heard @ said.t() / _TEMPERATURE
    found["match"] = 0.5 * (functional.cross_entropy(likeness, target) + functional.cross_entropy(likeness.t(), target))
    found["near"] = 1 - (heard * said).sum(dim=1).mean()
    return found


def positive_weights(labels: Tensor, odds: Tensor) -> Tensor:
    """Weight of a label's positives: the root of how rare they are, from 1 to 4."""
    known = torch.isfinite(labels)
    share = (torch.where(known, labels, 0.0) * odds[:, None]).sum(dim=0) / (known * odds[:, None]).sum(dim=0)
    return ((1 - share) / share.clamp_min(1e-3)).sqrt().clamp(1.0, 4.0).float()


def probabilities(model: AudioEncoder, clips: Clips, batch: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings, tags' probabilities and token states of clips."""
    model.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch):
            mel = torch.from_numpy(clips.mel[start : start + batch]).float() / 2.5 - 100
            embedding, logits, _, tokens = model(mel)
            parts.append((embedding.numpy(), logits.sigmoid().numpy(), tokens.numpy()))
    embedding, found, tokens = (np.concatenate(part) for part in zip(*parts, strict=True))
    return embedding, found, tokens


def load_model(run: Path = RUN) -> AudioEncoder:
    """The averaged model of a run, its labels' probabilities undone of the weight that positives had in training.

    Raises FileNotFoundError where there is none.
    """
    found = load_checkpoint(run / "checkpoint")
    if found is None:
        raise FileNotFoundError(f"{run}/checkpoint: nothing trained yet")
    model = AudioEncoder(Sizes(labels=len(tags().entries)))
    model.load_state_dict({name[8:]: value for name, value in found[0].items() if name.startswith("average.")})
    with torch.no_grad():
        # With positives w times as heavy, the logit of a probability p tends to log(p / (1 - p)) + log(w).
        assert model.labels.bias is not None
        model.labels.bias -= found[0]["weight"].log()
    return model.eval()


def main() -> None:
    """Train for a number of samples, or of seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--samples", type=int, default=64000, help="length of the whole run")
    parser.add_argument("--seconds", type=float, default=540.0, help="length of this slice")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="faster by half where the processor has AVX512_BF16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clips = load(options.cache)
    clips = clips.select(clips.split == "train")
    options.run.mkdir(parents=True, exist_ok=True)
    material = Material.of(clips, texts.vectors(clips, options.run / "vectors.npy"), load(options.cache / "stems"))
    torch.manual_seed(0)
    model = AudioEncoder(Sizes(labels=len(tags().entries)))
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.02)
    seen = 0
    stored = load_checkpoint(options.run / "checkpoint")
    if stored is not None:
        tensors, state = stored
        seen = int(state["seen"])
        model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
        average = {name[8:]: value for name, value in tensors.items() if name.startswith("average.")}
    weight = positive_weights(material.labels, material.odds)
    emphasis = torch.ones(len(tags().entries))
    emphasis[material.instruments] = _EMPHASIS
    scale = material.features[material.taught].std(dim=0).clamp_min(0.02)
    began, step, smooth = time.monotonic(), 0, dict[str, float]()
    while seen < options.samples and time.monotonic() - began < options.seconds:
        generator = torch.Generator().manual_seed(seen)
        done = seen / options.samples
        rate = options.rate * min(1.0, (seen + 160) / 3200) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        optimiser.param_groups[0]["lr"] = rate
        model.train()
        batch = material.batch(options.batch, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            parts = losses(model, batch, weight, scale, emphasis)
        total = parts["labels"] * 2 + parts["teacher"] * 0.5 + parts["match"] * 0.3 + parts["near"] * 0.5
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        seen, step = seen + options.batch, step + 1
        keep = min(_AVERAGE, seen / (seen + 10 * options.batch))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                average[name].mul_(keep).add_(value.detach(), alpha=1 - keep)
            else:
                average[name].copy_(value)
        for name, value in parts.items():
            smooth[name] = 0.95 * smooth.get(name, float(value)) + 0.05 * float(value)
        if step % 50 == 0:
            found = {name: round(value, 3) for name, value in smooth.items()}
            print(json.dumps({"seen": seen, "seconds": round(time.monotonic() - began), **found}), flush=True)
        if step % 400 == 0:
            _save(options.run, model, average, weight, seen)
    _save(options.run, model, average, weight, seen)


def _save(run: Path, model: AudioEncoder, average: dict[str, Tensor], weight: Tensor, seen: int) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    save_checkpoint(run / "checkpoint", tensors | {"weight": weight}, {"seen": seen})


if __name__ == "__main__":
    main()
