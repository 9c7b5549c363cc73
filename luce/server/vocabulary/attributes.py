"""What one picture shows, as names from the vocabulary, and what goes together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from luce.server.vocabulary.entries import Entry, vocabulary


@dataclass(frozen=True)
class Attributes:
    """The content and the feeling of one picture.

    `subject` is the only kind that may be absent. `moods` holds one to three mood names. `valence` and `arousal`,
    both in [-1, 1], are the emotion itself: the painter grades brightness, warmth, saturation, contrast and
    roughness by it, while the prompt says it through the moods.

    Raises:
        ValueError: for an unknown name, no mood or more than three, or an emotion outside [-1, 1].
    """

    scene: str
    time: str = "day"
    weather: str = "clear"
    light: str = "soft"
    style: str = "photo"
    palette: str = "natural"
    composition: str = "wide"
    motion: str = "drifting"
    subject: str | None = None
    moods: tuple[str, ...] = ("calm",)
    valence: float = 0.0
    arousal: float = 0.0

    def __post_init__(self) -> None:
        self.chosen()
        if not 1 <= len(self.moods) <= 3:
            raise ValueError(f"moods: {len(self.moods)} given, 1 to 3 allowed")
        for field in ("valence", "arousal"):
            if not -1.0 <= getattr(self, field) <= 1.0:
                raise ValueError(f"{field}: {getattr(self, field)} is outside [-1, 1]")

    def chosen(self) -> list[Entry]:
        """Every entry named here, moods included, in the order of the kinds. Raises ValueError for an unknown name."""
        words = vocabulary()
        kinds = [kind for kind in words.kinds if kind != "mood"]
        single = [(kind, getattr(self, kind)) for kind in kinds]
        found = [words.entry(kind, name) for kind, name in single if name is not None]
        return found + [words.entry("mood", name) for name in self.moods]


def misfits(attributes: Attributes) -> list[str]:
    """The kinds whose entry does not go with the rest, e.g. `["light"]` for moonlight by day."""
    return [
        entry.kind
        for entry in attributes.chosen()
        if any(getattr(attributes, other) not in names for other, names in entry.fits.items())
    ]


def harmonize(attributes: Attributes) -> Attributes:
    """The nearest picture whose parts go together.

    A light that does not fit becomes the fitting light nearest to it in feeling; a subject that does not fit is
    left out. Everything else is free, so the result has no misfits.
    """
    words = vocabulary()
    wrong = misfits(attributes)
    if "subject" in wrong:
        attributes = replace(attributes, subject=None)
    if "light" in wrong:
        asked = words.entry("light", attributes.light)
        for entry in words.nearest("light", asked.valence, asked.arousal, count=len(words.entries("light"))):
            candidate = replace(attributes, light=entry.name)
            if "light" not in misfits(candidate):
                return candidate
    return attributes
