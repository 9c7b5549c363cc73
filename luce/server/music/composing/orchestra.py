"""Who plays: instruments by name, and which of them takes which role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from luce.errors import InvalidArgument
from luce.server.music.composing.score import BASS, HARMONY, MELODY

DRUMS: Final = "drums"
MOST_INSTRUMENTS: Final = 8


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument of General MIDI.

    Attributes:
        name: as callers name it.
        program: General MIDI program, 0 to 127.
        low: lowest pitch that it plays.
        high: highest one.
        roles: what it can take, the likeliest first.
        decays: whether its notes die away by themselves, as a piano's do.
    """

    name: str
    program: int
    low: int
    high: int
    roles: tuple[int, ...]
    decays: bool = False


_ANY, _LEAD, _PAD, _LOW = (MELODY, HARMONY, BASS), (MELODY, HARMONY), (HARMONY, MELODY), (BASS,)

INSTRUMENTS: Final[dict[str, Instrument]] = {
    name: Instrument(name, program, low, high, roles, decays)
    for name, program, low, high, roles, decays in (
        ("piano", 0, 21, 108, _ANY, True),
        ("electric piano", 4, 28, 103, _ANY, True),
        ("harpsichord", 6, 29, 89, _ANY, True),
        ("celesta", 8, 60, 108, _LEAD, True),
        ("music box", 10, 60, 96, _LEAD, True),
        ("vibraphone", 11, 53, 89, _LEAD, True),
        ("marimba", 12, 45, 96, _ANY, True),
        ("organ", 19, 36, 96, _ANY, False),
        ("accordion", 21, 41, 101, _LEAD, False),
        ("guitar", 24, 40, 83, (HARMONY, MELODY, BASS), True),
        ("steel guitar", 25, 40, 83, (HARMONY, MELODY, BASS), True),
        ("electric guitar", 27, 40, 86, (HARMONY, MELODY), True),
        ("distorted guitar", 30, 40, 86, (MELODY, HARMONY), False),
        ("double bass", 32, 28, 62, _LOW, True),
        ("electric bass", 33, 28, 62, _LOW, True),
        ("synth bass", 38, 24, 62, _LOW, True),
        ("violin", 40, 55, 100, _LEAD, False),
        ("viola", 41, 48, 88, _PAD, False),
        ("cello", 42, 36, 76, (BASS, MELODY, HARMONY), False),
        ("pizzicato strings", 45, 36, 96, (HARMONY, BASS, MELODY), True),
        ("harp", 46, 24, 103, (HARMONY, MELODY, BASS), True),
        ("strings", 48, 28, 96, (HARMONY, BASS, MELODY), False),
        ("choir", 52, 40, 84, _PAD, False),
        ("trumpet", 56, 52, 84, _LEAD, False),
        ("trombone", 57, 36, 72, (BASS, HARMONY, MELODY), False),
        ("tuba", 58, 26, 58, _LOW, False),
        ("horn", 60, 36, 77, (HARMONY, MELODY, BASS), False),
        ("brass", 61, 36, 84, _PAD, False),
        ("saxophone", 65, 49, 81, _LEAD, False),
        ("oboe", 68, 58, 91, _LEAD, False),
        ("bassoon", 70, 34, 72, (BASS, HARMONY), False),
        ("clarinet", 71, 50, 94, _LEAD, False),
        ("flute", 73, 60, 96, _LEAD, False),
        ("pan flute", 75, 60, 96, _LEAD, False),
        ("synth lead", 81, 48, 96, _LEAD, False),
        ("synth pad", 89, 36, 96, _PAD, False),
        ("sitar", 104, 48, 84, _LEAD, True),
        ("banjo", 105, 48, 84, _PAD, True),
        ("kalimba", 108, 48, 84, _LEAD, True),
    )
}
"""Every instrument, by name. Beside them "drums" may be asked for."""

_ENSEMBLES: Final[tuple[tuple[float, float, tuple[str, str, str]], ...]] = (
    # Valence and arousal that suit it, then who plays melody, harmony and bass.
    (0.5, 0.5, ("piano", "piano", "piano")),
    (0.6, 0.7, ("trumpet", "strings", "tuba")),
    (0.7, 0.6, ("steel guitar", "piano", "electric bass")),
    (0.5, 0.4, ("marimba", "pizzicato strings", "double bass")),
    (-0.5, 0.6, ("strings", "brass", "strings")),
    (-0.4, 0.7, ("synth lead", "strings", "synth bass")),
    (-0.5, 0.4, ("piano", "piano", "piano")),
    (-0.5, -0.4, ("cello", "strings", "strings")),
    (-0.4, -0.5, ("piano", "strings", "cello")),
    (-0.6, -0.6, ("oboe", "choir", "strings")),
    (0.4, -0.5, ("piano", "piano", "piano")),
    (0.5, -0.6, ("flute", "harp", "cello")),
    (0.6, -0.5, ("guitar", "guitar", "double bass")),
    (0.3, -0.7, ("music box", "strings", "strings")),
)


@dataclass(frozen=True, slots=True)
class Orchestra:
    """Who plays what.

    Attributes:
        players: instruments by role; several double one another.
        drums: whether there is a drum kit.
    """

    players: dict[int, tuple[Instrument, ...]]
    drums: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All who play, each once, the melody's first."""
        found = dict.fromkeys(i.name for role in (MELODY, HARMONY, BASS) for i in self.players[role])
        return (*found, DRUMS) if self.drums else tuple(found)


def chosen_orchestra(valence: float, arousal: float, random: np.random.Generator) -> Orchestra:
    """One of the ensembles that suit an emotion best."""
    distance = np.array([(v - valence) ** 2 + (a - arousal) ** 2 for v, a, _ in _ENSEMBLES])
    weights = np.exp(-distance / 0.12)
    index = int(random.choice(len(_ENSEMBLES), p=weights / weights.sum()))
    melody, harmony, bass = (INSTRUMENTS[name] for name in _ENSEMBLES[index][2])
    return Orchestra({MELODY: (melody,), HARMONY: (harmony,), BASS: (bass,)})


def orchestra_of(names: Sequence[str], field: str = "instruments") -> Orchestra:
    """Give every named instrument the role that suits it best; roles that are left over go to who can take them.

    Raises:
        InvalidArgument: an unknown name, too many of them, or drums alone.
    """
    known = (*INSTRUMENTS, DRUMS)
    wanted = list(dict.fromkeys(name.strip().lower() for name in names))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        message = f"{field} {unknown[0][:40]!r} is unknown; known are {', '.join(known)}"
        raise InvalidArgument(message, field=field, limit="a known instrument")
    pitched = [INSTRUMENTS[name] for name in wanted if name != DRUMS]
    if not pitched or len(wanted) > MOST_INSTRUMENTS:
        message = f"{field} names {len(wanted)}, allowed are 1..{MOST_INSTRUMENTS}, of which one is not the drums"
        raise InvalidArgument(message, field=field, limit=f"1..{MOST_INSTRUMENTS}")
    players: dict[int, tuple[Instrument, ...]] = {MELODY: (), HARMONY: (), BASS: ()}
    for instrument in sorted(pitched, key=lambda one: len(one.roles)):
        free = [role for role in instrument.roles if not players[role]]
        role = free[0] if free else instrument.roles[0]
        players[role] = (*players[role], instrument)
    for role in (MELODY, HARMONY, BASS):
        if not players[role]:
            able = [one for one in pitched if role in one.roles] or pitched
            players[role] = (able[-1],)
    return Orchestra(players, drums=DRUMS in wanted)
