"""The labelled music, read from the data sets' folders, and its split into training and held-out pieces."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luce.server.music.spectra import FloatArray

#: Share of the pieces that is never trained on.
HELD_OUT_SHARE = 0.2

#: Signs of the GEMS emotions in the contrasts taken for arousal and valence.
_AROUSAL = {"power": 1, "joyful_activation": 1, "tension": 1, "calmness": -1, "tenderness": -1, "sadness": -1}
_VALENCE = {"joyful_activation": 1, "tenderness": 1, "calmness": 1, "amazement": 1, "sadness": -1, "tension": -1}
#: Mean and standard deviation over pieces of VGMIDI's valence and arousal, on [-1, 1].
_VGMIDI_MEAN, _VGMIDI_SPREAD = (0.10, 0.05), (0.22, 0.24)


@dataclass(frozen=True)
class Piece:
    """A labelled piece.

    Attributes:
        name: unique name, which decides the split.
        file: MIDI file or recording.
        emotion: (S, 2) float32, valence and arousal of each segment in [-1, 1]. In VGMIDI the segments are the
            measures; a recording has one.
    """

    name: str
    file: Path
    emotion: FloatArray

    @property
    def held_out(self) -> bool:
        """Whether the piece is in the held-out fifth, by a hash of its name."""
        return fraction(self.name) < HELD_OUT_SHARE


def fraction(name: str, purpose: str = "split") -> float:
    """A number in [0, 1) that depends on the name alone."""
    digest = hashlib.sha256(f"{purpose}:{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def vgmidi(data: Path) -> list[Piece]:
    """The pieces of VGMIDI with valence and arousal by measure, mean over some 30 annotators (Ferreira 2019)."""
    rows: dict[str, list[tuple[float, float]]] = {}
    with (data / "vgmidi" / "measure_va.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["midi"], []).append((float(row["valence"]), float(row["arousal"])))
    folder = data / "vgmidi" / "labelled"
    return [
        Piece(f"vgmidi/{name}", folder / name, np.array(values, np.float32)) for name, values in sorted(rows.items())
    ]


def emotify(data: Path) -> list[Piece]:
    """The recordings of Emotify (Aljanaki 2016): GEMS votes turned into contrasts for valence and arousal.

    The contrasts are standardised over all tracks and given the mean and spread of VGMIDI, since Emotify has no such
    scale of its own.
    """
    with (data / "emotify" / "tracks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if (data / "emotify" / row["file"]).is_file()]
    contrasts = np.array(
        [
            [sum(sign * float(row[name]) for name, sign in signs.items()) for signs in (_VALENCE, _AROUSAL)]
            for row in rows
        ]
    )
    scaled = (contrasts - contrasts.mean(axis=0)) / contrasts.std(axis=0) * _VGMIDI_SPREAD + _VGMIDI_MEAN
    clipped = np.clip(scaled, -1, 1).astype(np.float32)
    return [
        Piece(f"emotify/{row['track_id']}", data / "emotify" / row["file"], value[None])
        for row, value in zip(rows, clipped, strict=True)
    ]


def emopia(data: Path) -> list[tuple[Path, int]]:
    """The MIDI clips of EMOPIA (Hung 2021) and their quadrants 1 to 4. Used for a check alone, never to train."""
    folder = data / "emopia" / "midi"
    return [(path, int(path.name[1])) for path in sorted(folder.glob("Q[1-4]_*.mid"))]
