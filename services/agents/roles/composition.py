"""The composition agent: framing and viewpoint, from how much happens in the music."""

from __future__ import annotations

import random
from typing import Final

from services.agents.roles.brief import Brief
from services.agents.roles.choosing import choose

# The vocabulary's compositions lie within about 0.3 of calm.
_REACH: Final = 0.3


class CompositionAgent:
    """Fast and loud comes close; slow and soft keeps its distance under a big sky."""

    def choose(self, brief: Brief, rng: random.Random) -> str:
        """The name of one composition."""
        drive = 0.5 * brief.pace + 0.5 * brief.power
        return choose("composition", 0.1 + 0.1 * brief.valence, _REACH * drive, rng, spread=0.1).name
