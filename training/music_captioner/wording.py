"""The words of captions, by label: interchangeable wordings, in the manner of MusicCaps (Agostinelli 2023)."""

from __future__ import annotations

#: An instrument in a list, with its article.
INSTRUMENTS: dict[str, tuple[str, ...]] = {
    "piano": ("a piano", "a piano", "an acoustic piano"),
    "electric piano": ("an electric piano",),
    "harpsichord": ("a harpsichord",),
    "mallets": ("mallet percussion", "a vibraphone or marimba", "mallets"),
    "organ": ("an organ",),
    "accordion": ("an accordion",),
    "harmonica": ("a harmonica",),
    "acoustic guitar": ("an acoustic guitar",),
    "electric guitar": ("an electric guitar",),
    "bass": ("a bass", "a bass guitar", "a bass line"),
    "violin": ("a violin",),
    "cello": ("a cello",),
    "strings": ("strings", "a string section", "a string ensemble"),
    "harp": ("a harp",),
    "choir": ("a choir", "choir voices"),
    "brass": ("brass", "brass instruments", "a brass section"),
    "saxophone": ("a saxophone",),
    "woodwind": ("woodwinds", "a woodwind such as a clarinet or oboe", "a reed instrument"),
    "flute": ("a flute",),
    "synthesizer": ("a synthesizer", "a synth"),
    "drums": ("drums", "a drum kit", "percussion"),
}
#: The kind of piece: adjectives before "piece", and how a sentence about style names it.
STYLES: dict[str, tuple[str, ...]] = {
    "baroque": ("baroque",),
    "classical": ("classical",),
    "romantic": ("romantic",),
    "pop": ("pop",),
    "rock": ("rock",),
    "electronic": ("electronic",),
    "folk": ("folk",),
    "game": ("video game", "chiptune"),
}
STYLE_NOTES: dict[str, tuple[str, ...]] = {
    "baroque": ("It belongs to the baroque.", "The writing is in the baroque manner."),
    "classical": ("It is classical music.", "It comes from the classical repertoire."),
    "romantic": ("It belongs to the romantic era.", "The writing is romantic."),
    "pop": ("It is pop music.", "It sounds like a pop song."),
    "rock": ("It is rock music.", "It sounds like a rock track."),
    "electronic": ("It is electronic music.", "The sound is electronic."),
    "folk": ("It is folk music.", "It sounds like a traditional folk tune."),
    "game": ("It sounds like music of a video game.", "It recalls the music of old video games."),
}
MOODS: dict[str, tuple[str, ...]] = {
    "joyful": ("joyful", "happy", "cheerful", "lively", "upbeat"),
    "powerful": ("powerful", "energetic", "strong", "driving"),
    "tense": ("tense", "agitated", "restless", "uneasy"),
    "sad": ("sad", "melancholic", "sorrowful", "gloomy"),
    "calm": ("calm", "relaxing", "peaceful", "soothing"),
    "tender": ("tender", "gentle", "soft", "warm"),
    "nostalgic": ("nostalgic", "wistful", "dreamy"),
    "solemn": ("solemn", "serious", "dignified"),
    "wondrous": ("full of wonder", "mysterious", "fascinating"),
}
#: Moods that are not said together.
CONTRARY: tuple[set[str], ...] = (
    {"joyful", "sad"},
    {"joyful", "solemn"},
    {"joyful", "tense"},
    {"calm", "powerful"},
    {"calm", "tense"},
    {"calm", "joyful"},
    {"tender", "powerful"},
    {"tender", "tense"},
)
#: Where music of a mood would fit.
PLACES: dict[str, tuple[str, ...]] = {
    "joyful": ("a party", "a happy scene of a film", "a sunny day"),
    "powerful": ("an action scene", "a workout", "a sports broadcast"),
    "tense": ("a thriller", "a chase scene", "a dramatic scene of a film"),
    "sad": ("a sad scene of a film", "a rainy evening", "a farewell"),
    "calm": ("a quiet evening", "a meditation", "falling asleep"),
    "tender": ("a love scene", "a lullaby", "a quiet dinner"),
    "nostalgic": ("a look back at old photographs", "a scene of memories", "a slow autumn day"),
    "solemn": ("a ceremony", "a church", "a memorial"),
    "wondrous": ("a fantasy film", "a starry night", "a nature documentary"),
}
TEMPOS: dict[str, tuple[str, ...]] = {
    "slow": ("slow", "slow-paced"),
    "moderate": ("moderate", "medium-paced"),
    "fast": ("fast", "quick", "fast-paced"),
}
TEMPO_NOTES: dict[str, tuple[str, ...]] = {
    "slow": ("The tempo is slow.", "It moves slowly.", "It is played at a slow pace."),
    "moderate": ("The tempo is moderate.", "It moves at a medium pace.", "It is played at a moderate tempo."),
    "fast": ("The tempo is fast.", "It moves quickly.", "It is played at a fast pace."),
}
#: What a window is that is not music.
OTHER: dict[str, tuple[str, ...]] = {
    "speech": (
        "Someone is speaking and no music is heard.",
        "A voice is talking, without any music.",
        "This is speech, not music: a person talks.",
        "Only a speaking voice is heard.",
    ),
    "noise": (
        "Only noise is heard, and no music.",
        "This is noise without any music in it.",
        "There is no music here, just noise.",
        "A rush of noise, with no melody or rhythm.",
    ),
    "tone": (
        "A steady tone sounds, and there is no music.",
        "Only a steady tone is heard, without melody or rhythm.",
        "This is a constant tone, not music.",
        "There is no music here, just a held tone.",
    ),
    "click": (
        "Only clicks are heard, and no music.",
        "There is no music here, just clicks.",
        "A few clicks sound, with nothing else around them.",
        "This is a clicking sound, not music.",
    ),
    "silence": (
        "Nothing is heard: this is silence.",
        "There is only silence, and no music.",
        "No sound is heard here.",
        "This is silent.",
    ),
}
PIECES = ("piece", "track", "recording", "composition")
