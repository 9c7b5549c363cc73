"""General MIDI programs by label: what a listener would call each of them, and where it plays."""

from __future__ import annotations

#: Programs (from 0) of each label of the dimension "instruments"; drums have a channel of their own.
PROGRAMS: dict[str, tuple[int, ...]] = {
    "piano": (0, 1, 2, 3),
    "electric piano": (4, 5),
    "harpsichord": (6,),
    "mallets": (8, 9, 11, 12, 13),
    "organ": (16, 17, 18, 19, 20),
    "accordion": (21, 23),
    "harmonica": (22,),
    "acoustic guitar": (24, 25),
    "electric guitar": (26, 27, 29, 30),
    "bass": (32, 33, 34, 35, 36, 38, 39),
    "violin": (40, 41),
    "cello": (42,),
    "strings": (44, 48, 49, 50),
    "harp": (46,),
    "choir": (52, 53, 54),
    "brass": (56, 57, 58, 60, 61),
    "saxophone": (64, 65, 66, 67),
    "woodwind": (68, 69, 70, 71),
    "flute": (72, 73, 74, 75),
    "synthesizer": (62, 80, 81, 82, 87, 88, 89, 90, 94),
}
DRUMS = "drums"

#: Label of a program of a file: its own, or what is nearest to it among the labels.
LABEL_OF: dict[int, str] = {program: label for label, programs in PROGRAMS.items() for program in programs} | {
    7: "harpsichord",
    10: "mallets",
    14: "mallets",
    15: "harp",
    28: "electric guitar",
    31: "electric guitar",
    37: "bass",
    43: "cello",
    45: "strings",
    51: "strings",
    59: "brass",
    63: "synthesizer",
    76: "flute",
    77: "flute",
    78: "flute",
    79: "flute",
    110: "violin",
}

#: Lowest and highest middle pitch of a part of each label; a part beyond is moved by octaves.
RANGES: dict[str, tuple[int, int]] = {
    "bass": (31, 46),
    "violin": (62, 86),
    "cello": (43, 60),
    "flute": (67, 90),
    "saxophone": (54, 74),
    "woodwind": (55, 78),
    "brass": (50, 76),
    "harmonica": (60, 80),
    "accordion": (52, 76),
    "choir": (50, 74),
    "mallets": (58, 86),
    "acoustic guitar": (48, 70),
    "electric guitar": (45, 72),
}

#: What may take a melody, fill with chords, and play a whole piece alone.
MELODIC = (
    "piano",
    "electric piano",
    "mallets",
    "organ",
    "accordion",
    "harmonica",
    "acoustic guitar",
    "electric guitar",
    "violin",
    "cello",
    "strings",
    "choir",
    "brass",
    "saxophone",
    "woodwind",
    "flute",
    "synthesizer",
)
CHORDAL = (
    "piano",
    "piano",
    "electric piano",
    "harpsichord",
    "organ",
    "accordion",
    "acoustic guitar",
    "acoustic guitar",
    "electric guitar",
    "strings",
    "harp",
    "choir",
    "synthesizer",
    "mallets",
)
ALONE = (
    "piano",
    "piano",
    "electric piano",
    "harpsichord",
    "organ",
    "accordion",
    "acoustic guitar",
    "electric guitar",
    "harp",
    "mallets",
    "strings",
    "choir",
    "brass",
    "synthesizer",
)
ORCHESTRAL = ("violin", "cello", "strings", "strings", "harp", "brass", "woodwind", "flute", "choir")
BANDS = ("drums", "bass")
FOLK = ("violin", "accordion", "flute", "acoustic guitar", "harmonica", "harp")
