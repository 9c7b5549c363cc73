"""Train the note emotion model and write ``model_repository/note_emotion``.

Run ``python -m training.note_emotion.train --data FOLDER``, where FOLDER holds ``vgmidi``, ``emotify`` and ``emopia``.
"""

from __future__ import annotations

from luce.server.music.emotion_input import NOTE_EMOTION_NAMES
from training.music_emotion import dataset
from training.music_emotion.graph import Gate
from training.music_emotion.network import Recipe
from training.music_emotion.render import SOUND_FONT
from training.music_emotion.train import make, measure, options
from training.note_emotion.dataset import written, written_clips

#: A stretch is silent from the first share of silence, and fully heard up to the second.
_SILENCE = (0.99, 0.93)
#: EMOPIA clips a quadrant in the check.
_CLIPS = 100


def main() -> None:
    """Describe the pieces as written and as heard, and train."""
    given = options("note_emotion")
    heard = dataset.load(given.data, given.cache, [SOUND_FONT, *given.font], dataset.heard_notes)
    sources = {
        "vgmidi_written": written(given.data),
        "vgmidi_heard": heard["vgmidi"],
        "non_music": heard["non_music"],
        "emopia": written_clips(given.data, _CLIPS),
    }
    recipe = Recipe(shares={"vgmidi_written": 0.5, "vgmidi_heard": 0.4, "non_music": 0.1})
    if given.measure:
        measure(sources, recipe, given.output)
        return
    gate = Gate(NOTE_EMOTION_NAMES.index("silence"), *_SILENCE)
    make("note_emotion", sources, recipe, gate, given.output)


if __name__ == "__main__":
    main()
