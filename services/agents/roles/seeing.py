"""How a picture will feel, by what each of its words was measured to do, and which word brings it nearer to the music.

Words mean one feeling and bring about another: a pixel picture looks calmer than it was meant, a violet one unhappier.
So agents that can make up for it look at the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from luce.server.vocabulary import Entry, lexicon
from services.agents.roles.brief import Brief


def seen(names: Mapping[str, str]) -> tuple[float, float]:
    """Valence and arousal of a picture of these entries, kind to name, as `image_emotion` should see it.

    The sum of what each adds by itself (`python -m loadtests.seen`).
    """
    added = [lexicon().wording(kind, name).seen for kind, name in names.items()]
    valence, arousal = lexicon().seen
    return valence + sum(one[0] for one in added), arousal + sum(one[1] for one in added)


def nearness(brief: Brief, beside: Mapping[str, str], spread: float) -> Callable[[Entry], float]:
    """Log-weights of entries, 0 or less: how near the picture of one and of what is beside it comes to the music.

    Args:
        brief: The music.
        beside: What is decided already, kind to name.
        spread: Standard deviation of the normal curve, in units of the plane; small is strict.
    """
    valence, arousal = (told - so_far for told, so_far in zip(brief.felt, seen(beside), strict=True))

    def weight(entry: Entry) -> float:
        added = lexicon().wording(entry.kind, entry.name).seen
        return -((valence - added[0]) ** 2 + (arousal - added[1]) ** 2) / (2.0 * spread**2)

    return weight
