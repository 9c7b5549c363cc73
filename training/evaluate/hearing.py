"""What the audio encoder hears, on pieces, recordings and sounds it was never trained on.

Run ``python -m training.evaluate.hearing``; it reads the clips of ``training.audio_encoder.clips`` and writes
``model_repository/audio_encoder/metrics.json``. ``--thresholds`` first chooses those of tags.toml on the split "dev".
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import onnxruntime

from luce.server.music import tags as labels_module
from luce.server.music.tags import tags
from training.audio_encoder.clips import CACHE, Clips, load, unpack
from training.audio_encoder.texts import TextEncoder, captions
from training.evaluate.tagging import Array, area_under_curve, best_threshold, tag_metrics

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "model_repository" / "audio_encoder"
_GENRES = ("classical", "rock", "electronic", "pop")
_OTHER = ("speech", "noise", "tone", "click", "silence")


def hear(clips: Clips, folder: Path = FOLDER) -> dict[str, Array]:
    """The served graph's outputs for clips."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx", options, providers=["CPUExecutionProvider"])
    names = ["embedding", "audio_tokens", "tags"]
    parts = [session.run(names, {"log_mel": unpack(clips.mel[i : i + 16])}) for i in range(0, len(clips), 16)]
    return {name: np.concatenate(part) for name, part in zip(names, zip(*parts, strict=True), strict=True)}


def thresholds(clips: Clips, probability: Array) -> Array:
    """Thresholds (k,): half the label's best, half the best of its dimension, since many labels are rare in "dev"."""
    truth, result = clips.labels.astype(np.float32), np.full(len(tags().entries), 0.5, np.float32)
    for dimension in labels_module.DIMENSIONS:
        columns = tags().columns(dimension)
        common = best_threshold(truth[:, columns].ravel(), probability[:, columns].ravel())
        for column in columns:
            result[column] = (best_threshold(truth[:, column], probability[:, column]) + common) / 2
    return result


def write_thresholds(values: Array) -> None:
    """Put thresholds into tags.toml, to two decimals."""
    path = Path(labels_module.__file__).with_name("tags.toml")
    found = iter(values)
    text = re.sub(r"(?m)^threshold = .*$", lambda _: f"threshold = {next(found):.2f}", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


def _sources(clips: Clips) -> Array:
    return np.array([str(source).partition("/")[0] for source in clips.source])


def figures(clips: Clips, heard: dict[str, Array]) -> dict[str, object]:
    """All figures of the test split."""
    truth, probability = clips.labels.astype(np.float32), heard["tags"]
    told, source = probability >= tags().thresholds, _sources(clips)
    recorded, other = source == "emotify", np.isin(source, _OTHER)
    rendered = ~recorded & ~other
    unseen = np.array([str(name).endswith("/unseen") for name in clips.source])
    instruments = tags().columns("instruments")
    own = {
        tags().names[column]: tag_metrics(truth[rendered][:, [column]], told[rendered][:, [column]]).rounded()["f1"]
        for column in instruments
    }
    result: dict[str, object] = {
        "clips": {"rendered": int(rendered.sum()), "recorded": int(recorded.sum()), "not_music": int(other.sum())},
        "instruments_rendered": tag_metrics(truth[rendered][:, instruments], told[rendered][:, instruments]).rounded(),
        "instruments_known_fonts": _part(truth, told, rendered & ~unseen, instruments),
        "instruments_unseen_font": _part(truth, told, rendered & unseen, instruments),
        "instruments_by_label_f1": own,
        "tempo_rendered": _part(truth, told, rendered, tags().columns("tempo")),
        "styles_rendered": _part(truth, told, rendered, tags().columns("styles")),
        "moods_rendered": _part(truth, told, rendered, tags().columns("moods")),
    }
    result |= _recordings(clips.select(recorded), probability[recorded])
    sound = [tags().index(name) for name in ("music", *_OTHER)]
    guess = np.array(["music", *_OTHER])[probability[:, sound].argmax(axis=1)]
    kinds = np.where(rendered | recorded, "music", source)
    result["kind_of_sound_right"] = {
        str(kind): round(float((guess == kinds)[kinds == kind].mean()), 3) for kind in np.unique(kinds)
    }
    result["captions_found"] = _retrieval(clips.select(rendered), heard["embedding"][rendered])
    return result


def _part(truth: Array, told: Array, rows: Array, columns: list[int]) -> dict[str, float]:
    return tag_metrics(truth[rows][:, columns], told[rows][:, columns]).rounded()


def _recordings(clips: Clips, probability: Array) -> dict[str, object]:
    """Emotify: the genre by track, moods against the share of votes, and agreement with the teacher."""
    names = np.array([str(name) for name in clips.name])
    tracks = np.unique(names)
    mean = np.stack([probability[names == track].mean(axis=0) for track in tracks])
    truth = np.stack([clips.labels[names == track][0] for track in tracks]).astype(np.float32)
    genre = [tags().index(name) for name in _GENRES]
    right = mean[:, genre].argmax(axis=1) == truth[:, genre].argmax(axis=1)
    moods = {
        tags().names[column]: round(float(np.corrcoef(truth[:, column], mean[:, column])[0, 1]), 3)
        for column in tags().columns("moods")
    }
    labels, taught = clips.labels.astype(np.float32), {}
    for column in (*tags().columns("instruments"), tags().index("singing")):
        known = np.isfinite(labels[:, column])
        if (labels[known, column] >= 0.5).sum() >= 8:
            taught[tags().names[column]] = round(area_under_curve(labels[:, column], probability[:, column]), 3)
    return {
        "recordings": {
            "tracks": len(tracks),
            "genre_right_of_four": round(float(right.mean()), 3),
            "moods_pearson_with_votes": moods,
            "teacher_agreement_auc": taught,
        }
    }


def _retrieval(clips: Clips, embedding: Array) -> dict[str, float]:
    """How often a clip's own caption is among the nearest of all clips' captions, and its mean similarity."""
    texts = [rows[1] for rows in captions(clips, seed=99)]
    vectors = TextEncoder()(texts)
    likeness = embedding.astype(np.float64) @ vectors.T
    own = np.diag(likeness)
    rank = (likeness > own[:, None]).sum(axis=1)
    return {
        "captions": len(texts),
        "recall_at_1": round(float((rank < 1).mean()), 3),
        "recall_at_10": round(float((rank < 10).mean()), 3),
        "cosine_own": round(float(own.mean()), 3),
        "cosine_others": round(float((likeness.sum() - own.sum()) / (likeness.size - own.size)), 3),
    }


def main() -> None:
    """Choose thresholds where asked, measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--thresholds", action="store_true", help="choose those of tags.toml first")
    options = parser.parse_args()
    clips = load(options.cache)
    if options.thresholds:
        dev = clips.select(clips.split == "dev")
        write_thresholds(thresholds(dev, hear(dev)["tags"]))
        tags.cache_clear()
    test = clips.select(clips.split == "test")
    found = figures(test, hear(test))
    (FOLDER / "metrics.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
