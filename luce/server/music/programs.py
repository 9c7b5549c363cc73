"""What plays by the programs of General MIDI, in plain words, and what kind of ensemble that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Names by program, from 0; where `luce.server.music.tags` has a label for it, that is the name.
PROGRAM_NAMES: Final[tuple[str, ...]] = (
    *("piano", "piano", "piano", "piano", "electric piano", "electric piano", "harpsichord", "clavinet"),
    *("celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone", "tubular bells", "dulcimer"),
    *("organ", "organ", "organ", "organ", "organ", "accordion", "harmonica", "bandoneon"),
    *("acoustic guitar", "acoustic guitar", "electric guitar", "electric guitar"),
    *("electric guitar", "electric guitar", "electric guitar", "electric guitar"),
    *("bass", "bass", "bass", "bass", "bass", "bass", "bass", "bass"),
    *("violin", "viola", "cello", "double bass", "strings", "strings", "harp", "timpani"),
    *("strings", "strings", "strings", "strings", "choir", "choir", "choir", "orchestra hits"),
    *("trumpet", "trombone", "tuba", "trumpet", "French horn", "brass", "brass", "brass"),
    *("saxophone", "saxophone", "saxophone", "saxophone", "oboe", "English horn", "bassoon", "clarinet"),
    *("piccolo", "flute", "recorder", "pan flute", "bottles", "shakuhachi", "whistle", "ocarina"),
    *("synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer"),
    *("synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer"),
    *("synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer"),
    *("synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer", "synthesizer"),
    *("sitar", "banjo", "shamisen", "koto", "kalimba", "bagpipes", "fiddle", "shawm"),
    *("bells", "agogo", "steel drums", "woodblock", "taiko drum", "tom-toms", "synth drum", "cymbal"),
    *("guitar noise", "breath", "seashore", "bird song", "telephone", "helicopter", "applause", "gunshot"),
)
DRUMS: Final = "drums"

_KEYBOARDS: Final = frozenset({"piano", "electric piano", "harpsichord", "clavinet", "organ", "accordion", "celesta"})
_WINDS: Final = frozenset(
    {"trumpet", "trombone", "tuba", "French horn", "brass", "oboe", "English horn", "bassoon", "clarinet", "flute"}
    | {"piccolo", "saxophone", "recorder"}
)
_BOWED: Final = frozenset({"violin", "viola", "cello", "double bass", "strings", "fiddle"})
_ELECTRIC: Final = frozenset({"synthesizer", "synth drum"})
_GUITARS: Final = frozenset({"acoustic guitar", "electric guitar", "bass"})
_CHAMBER_PLAYERS: Final = 5


def instruments_of(programs: Sequence[int], *, drums: bool) -> tuple[str, ...]:
    """Names of what plays, each once, in the order of the programs; the drums come last."""
    names = [PROGRAM_NAMES[program] for program in programs]
    return tuple(dict.fromkeys([*names, *([DRUMS] if drums else [])]))


def ensemble_of(instruments: Sequence[str]) -> str:
    """What kind of music such an ensemble plays, as far as its instruments tell; "" where they do not."""
    players = set(instruments)
    if len(players) == 1:
        return f"solo {next(iter(players))}"
    if DRUMS in players:
        if players & _GUITARS:
            return "band"
        return "electronic" if players & _ELECTRIC else ""
    if players <= _ELECTRIC | _KEYBOARDS and players & _ELECTRIC:
        return "electronic"
    if players <= _WINDS | _BOWED | _KEYBOARDS | {"harp", "timpani", "choir"}:
        return "chamber" if len(players) < _CHAMBER_PLAYERS and not players & {"timpani", "choir"} else "orchestral"
    return ""
