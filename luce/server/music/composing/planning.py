"""From what is asked to what the composer is told: whatever is left open is drawn as real music of that emotion has it.

The draw is from `corpus.npz`, the controls of a few thousand excerpts of the training music with their emotion: one
of the excerpts that feel most like what is asked lends mode, tempo, density and the rest. Emotion so reaches the music
even where the network would not hear it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from luce.errors import InvalidArgument
from luce.server.music.composing.controls import MEASURED, STYLES, Controls
from luce.server.music.composing.orchestra import chosen_orchestra, orchestra_of
from luce.server.music.composing.performance import Manner
from luce.server.music.composing.score import METRES, Score
from luce.server.music.composing.tokens import CONTEXT, MOST_BARS
from luce.server.music.limits import TEMPO_BPM, check_number, parse_key

SECONDS_RANGE: Final = (2.0, 600.0)
MODES: Final = ("major", "minor")
TIME_SIGNATURES: Final = tuple(metre.name for metre in METRES)

_WRITTEN_AS: Final = {"2/4": "4/4", "12/8": "6/8"}
"""Two bars of the one as a bar of the other, or a bar as two."""
_NEAREST: Final = 24
"""Excerpts among which one is drawn."""
_TEMPO_WIDTH: Final = 0.2
"""Octaves of tempo that count as much as a standard deviation of emotion."""
_MODE_WIDTH: Final = 0.12
"""Valence at which a major key is 2.7 times as likely as a minor one."""
_QUICKER: Final = 0.5
_DENSER: Final = 0.6
"""Octaves of tempo, and of the notes in a quarter note, for each point of arousal beyond what real music has."""
_BUSY: Final = (0.05, 0.9)
"""Quantiles of the notes a second of real music within which is planned: the draw adds to what is planned."""
_SECOND: Final = math.log2(110 / 60)
"""Notes a second from tempo and density: octaves to be added."""
_ROOM: Final = 0.8
"""Share of the context that a section is planned to fill."""
_TOKENS_A_NOTE: Final = 2.4
_TAIL: Final = 4
"""Bars of what came before that a section goes on from."""


@dataclass(frozen=True)
class Moment:
    """How the music feels for a while.

    Attributes:
        seconds: how long.
        valence: -1..1.
        arousal: -1..1.
    """

    seconds: float
    valence: float
    arousal: float


@dataclass(frozen=True)
class Wish:
    """What is asked for; what is None is chosen.

    Attributes:
        moments: emotion through time, at least one.
        embedding: (384,) float32 of unit length, of a text or a music, in the space of `text_encoder`.
        key: such as "C major" or "F# minor", as ``limits.parse_key`` reads it.
        mode: one of :data:`MODES`, where the key is left open.
        time_signature: one of :data:`TIME_SIGNATURES`.
        tempo_bpm: quarter notes a minute, within ``limits.TEMPO_BPM``.
        instruments: names from ``orchestra.INSTRUMENTS``, and "drums".
        style: one of ``controls.STYLES``.
        given: bars that the piece goes on from, in C major or A minor; they are not part of it.
    """

    moments: tuple[Moment, ...]
    embedding: npt.NDArray[np.float32] | None = None
    key: str | None = None
    mode: str | None = None
    time_signature: str | None = None
    tempo_bpm: float | None = None
    instruments: tuple[str, ...] = ()
    style: str | None = None
    given: Score | None = None


@dataclass(frozen=True)
class Section:
    """Bars that are composed in one request.

    Attributes:
        bars: how many.
        valence: what the network is asked for, within what it knows.
        arousal: likewise.
        controls: everything else.
        stands: of a variation, the bars that it varies here.
        written: whether it is composed; else what stands here is taken as it is.
    """

    bars: int
    valence: float
    arousal: float
    controls: Controls
    stands: Score | None = None
    written: bool = True


@dataclass(frozen=True)
class Plan:
    """A piece before its notes.

    Attributes:
        metre: index into ``score.METRES``.
        manner: tempo, key and players; the piece lasts as long as was asked for, to the bar where the tempo is given
            and exactly where it is not.
        sections: at least one.
        embedding: as asked.
        given: as asked.
    """

    metre: int
    manner: Manner
    sections: tuple[Section, ...]
    embedding: npt.NDArray[np.float32] | None = None
    given: Score | None = None

    @property
    def bars(self) -> int:
        """Of the whole piece."""
        return sum(section.bars for section in self.sections)

    @property
    def seconds(self) -> float:
        """Of the whole piece."""
        return self.bars * METRES[self.metre].quarters * 60 / self.manner.bpm


@dataclass(frozen=True)
class Corpus:
    """Controls of real excerpts.

    Attributes:
        emotion: (N, 2) valence and arousal.
        controls: (N, len(MEASURED)) float32.
        style: (N,) index into ``controls.STYLES``.
        metre: (N,) index into ``score.METRES``.
        shift: (N,) semitones that took the excerpt to C major or A minor.
        band_seconds: (L,) ascending lengths of music.
        bands: (L, 2, 3) lowest and highest of ordinary music's form at each, as ``measures.music.FORM`` names it.
    """

    emotion: npt.NDArray[np.float32]
    controls: npt.NDArray[np.float32]
    style: npt.NDArray[np.int8]
    metre: npt.NDArray[np.int8]
    shift: npt.NDArray[np.int8]
    band_seconds: npt.NDArray[np.float64]
    bands: npt.NDArray[np.float32]

    def ordinary(self, seconds: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(3,) lowest and (3,) highest of the form of four fifths of real music of a length."""
        at = np.interp(np.log(seconds), np.log(self.band_seconds), np.arange(len(self.band_seconds)))
        low, share = int(at), at - int(at)
        band = (1 - share) * self.bands[low] + share * self.bands[min(low + 1, len(self.bands) - 1)]
        return band[0].astype(np.float64), band[1].astype(np.float64)

    def reachable(self, valence: float, arousal: float) -> tuple[float, float]:
        """The emotion, cut to what the music of the corpus has."""
        low, high = np.quantile(self.emotion, (0.005, 0.995), axis=0)
        cut = np.clip([valence, arousal], low, high)
        return float(cut[0]), float(cut[1])

    @cached_property
    def busy(self) -> tuple[float, float]:
        """Notes a second (log2) that may be planned."""
        rate = self.controls[:, MEASURED.index("density")] + self.controls[:, MEASURED.index("tempo")] + _SECOND
        low, high = np.quantile(rate, _BUSY)
        return float(low), float(high)

    def draw(
        self,
        emotion: tuple[float, float],
        random: np.random.Generator,
        *,
        minor: bool | None = None,
        tempo: float | None = None,
        metre: int | None = None,
        style: int | None = None,
    ) -> int:
        """Row of an excerpt that feels about so, of that mode, metre and style, and of about that tempo (log2)."""
        possible = np.ones(len(self.emotion), np.bool_)
        for wanted, column in ((metre, self.metre), (style, self.style)):
            if wanted is not None and (possible & (column == wanted)).any():
                possible &= column == wanted
        if minor is not None:
            possible &= (self.controls[:, MEASURED.index("mode")] < 0) == minor
        rows = np.flatnonzero(possible) if possible.any() else np.arange(len(self.emotion))
        spread = self.emotion.std(axis=0)
        distance = np.square((self.emotion[rows] - np.array(emotion)) / spread).sum(axis=1)
        if tempo is not None:
            distance += np.square((self.controls[rows, MEASURED.index("tempo")] - tempo) / _TEMPO_WIDTH)
        near = rows[np.argsort(distance, kind="stable")[:_NEAREST]]
        return int(random.choice(near))


@lru_cache(maxsize=1)
def corpus() -> Corpus:
    """The corpus that comes with this package."""
    path = resources.files(__package__) / "corpus.npz"
    with path.open("rb") as file, np.load(file) as archive:
        return Corpus(
            emotion=archive["emotion"].astype(np.float32),
            controls=archive["controls"].astype(np.float32),
            style=archive["style"],
            metre=archive["metre"],
            shift=archive["shift"],
            band_seconds=archive["band_seconds"],
            bands=archive["bands"],
        )


def plan(wish: Wish, seed: int) -> Plan:
    """Decide everything but the notes. The same wish and seed give the same plan.

    Raises:
        InvalidArgument: naming the field and its limit.
    """
    check(wish)
    random = np.random.default_rng(np.random.SeedSequence([seed & (2**64 - 1), 0]))
    key = parse_key(wish.key) if wish.key else None
    fixed = key.minor if key else MODES.index(wish.mode) == 1 if wish.mode else None
    chance = float(random.random())
    metre = _fixed_metre(wish)
    style = STYLES.index(wish.style) if wish.style else None
    tempo = float(np.log2(wish.tempo_bpm / 110)) if wish.tempo_bpm else None
    table = corpus()
    whole = mean_emotion(wish.moments)
    minor = chance >= _major_chance(whole[0]) if fixed is None else fixed
    base = table.draw(table.reachable(*whole), random, minor=minor, tempo=tempo, metre=metre, style=style)
    metre = int(table.metre[base]) if metre is None else metre
    quicker = _QUICKER * (whole[1] - table.reachable(*whole)[1])
    bpm, bars = _duration(wish, float(table.controls[base, MEASURED.index("tempo")]) + quicker, metre)
    sections: list[Section] = []
    for moment, count in zip(wish.moments, _share(wish.moments, bars), strict=True):
        asked = table.reachable(moment.valence, moment.arousal)
        row = base
        if len(wish.moments) > 1:
            # The same chance for all of them: the mode changes where the feeling does, and nowhere else.
            minor = chance >= _major_chance(moment.valence) if fixed is None else fixed
            row = table.draw(asked, random, minor=minor, tempo=float(np.log2(bpm / 110)), metre=metre, style=style)
        controls = controls_of(table, row, wish, bpm=bpm, minor=minor, denser=_DENSER * (moment.arousal - asked[1]))
        sections.extend(Section(part, *asked, controls) for part in _parts(count, controls, metre))
    sections = _ends(sections, opens=wish.given is None)
    is_minor = (sections[0].controls.mode or 0) < 0
    home = 9 if is_minor else 0
    shift = (key.tonic - home + 6) % 12 - 6 if key else -int(table.shift[base])
    orchestra = orchestra_of(wish.instruments) if wish.instruments else chosen_orchestra(*whole, random)
    manner = Manner(bpm, shift, orchestra, whole[1], (home + shift) % 12, is_minor)
    return Plan(metre, manner, tuple(sections), wish.embedding, wish.given)


def time_signature_for(metre: str) -> str | None:
    """The one of :data:`TIME_SIGNATURES` in which music of a metre can be written; None where it cannot."""
    written = _WRITTEN_AS.get(metre, metre)
    return written if written in TIME_SIGNATURES else None


def whole_bars(bpm: float, time_signature: str, seconds: float) -> float:
    """The tempo, in quarter notes a minute, nearest to ``bpm`` at which whole bars fill the time."""
    quarters = METRES[TIME_SIGNATURES.index(time_signature)].quarters
    return max(1, round(seconds * bpm / 60 / quarters)) * quarters * 60 / seconds


def check(wish: Wish) -> None:
    """Raises `InvalidArgument`, naming the field and its limit, where a wish cannot be."""
    seconds = sum(moment.seconds for moment in wish.moments)
    check_number("seconds", seconds, SECONDS_RANGE)
    if wish.tempo_bpm is not None:
        check_number("tempo_bpm", wish.tempo_bpm, TEMPO_BPM)
    if wish.mode is not None and wish.mode not in MODES:
        limit = ", ".join(MODES)
        raise InvalidArgument(f"mode is {wish.mode[:40]!r}; allowed is {limit}", field="mode", limit=limit)
    if wish.style is not None and wish.style not in STYLES:
        message = f"style {wish.style[:40]!r} is unknown; known are {', '.join(STYLES)}"
        raise InvalidArgument(message, field="style", limit="a known style")
    for moment in wish.moments:
        check_number("emotion.valence", moment.valence, (-1.0, 1.0))
        check_number("emotion.arousal", moment.arousal, (-1.0, 1.0))


def _fixed_metre(wish: Wish) -> int | None:
    if wish.given is not None:
        return wish.given.metre
    if wish.time_signature is None:
        return None
    if wish.time_signature not in TIME_SIGNATURES:
        message = f"time_signature {wish.time_signature[:20]!r} is unknown; known are {', '.join(TIME_SIGNATURES)}"
        raise InvalidArgument(message, field="time_signature", limit=", ".join(TIME_SIGNATURES))
    return TIME_SIGNATURES.index(wish.time_signature)


def mean_emotion(moments: Sequence[Moment]) -> tuple[float, float]:
    """Valence and arousal of all moments together."""
    weights = [moment.seconds for moment in moments]
    return (
        float(np.average([moment.valence for moment in moments], weights=weights)),
        float(np.average([moment.arousal for moment in moments], weights=weights)),
    )


def _duration(wish: Wish, tempo: float, metre: int) -> tuple[float, int]:
    """Quarter notes a minute and bars: the tempo bends so that the last bar ends on time, unless it was given."""
    bpm = wish.tempo_bpm or float(np.clip(110 * 2**tempo, *TEMPO_BPM))
    seconds = sum(moment.seconds for moment in wish.moments)
    quarters = METRES[metre].quarters
    bars = max(1, len(wish.moments), round(seconds * bpm / 60 / quarters))
    return (bpm if wish.tempo_bpm else bars * quarters * 60 / seconds), bars


def _share(moments: Sequence[Moment], bars: int) -> list[int]:
    """Bars of each moment, at least one, so that they change as near to their time as bar lines allow."""
    ends = np.cumsum([moment.seconds for moment in moments])
    lines = np.round(ends / ends[-1] * bars).astype(int)
    count = len(moments)
    for index in range(count):
        lines[index] = min(max(lines[index], (lines[index - 1] if index else 0) + 1), bars - (count - 1 - index))
    return [int(size) for size in np.diff(lines, prepend=0)]


def _parts(bars: int, controls: Controls, metre: int) -> list[int]:
    """Sections of a moment, so short that each fits the context beside what came before."""
    a_bar = 1 + _TOKENS_A_NOTE * 2 ** (controls.density or 0) * METRES[metre].quarters
    most = int(min(MOST_BARS - _TAIL, max(4, _ROOM * CONTEXT / a_bar - _TAIL)))
    count = -(-bars // most)
    cuts = [round(index * bars / count) for index in range(count + 1)]
    return [end - start for start, end in pairwise(cuts)]


def _major_chance(valence: float) -> float:
    """How likely a major key is: happy music is major, sad music minor (Gagnon and Peretz, 2003)."""
    return 1 / (1 + math.exp(-valence / _MODE_WIDTH))


def controls_of(table: Corpus, row: int, wish: Wish, *, bpm: float, minor: bool, denser: float = 0.0) -> Controls:
    """The controls of an excerpt, at another tempo and in another mode, and by so much denser (log2)."""
    values = dict(zip(MEASURED, (float(value) for value in table.controls[row]), strict=True))
    values["tempo"] = float(np.log2(bpm / 110))
    pace = values["tempo"] + _SECOND
    low, high = table.busy
    values["density"] = float(np.clip(values["density"] + denser, low - pace, high - pace))
    values["mode"] = -1.0 if minor else 1.0
    return Controls(**values, style=wish.style or STYLES[int(table.style[row])])


def _ends(sections: list[Section], *, opens: bool) -> list[Section]:
    """Only the first section begins the piece, and only the last one ends it."""
    last = len(sections) - 1
    return [
        replace(
            section,
            controls=replace(section.controls, opening=float(index == 0 and opens), ending=float(index == last)),
        )
        for index, section in enumerate(sections)
    ]
