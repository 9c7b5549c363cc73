"""The verb agent: how things move. More arousal, more motion."""

from __future__ import annotations

import random

from services.agents.roles.brief import Brief
from services.agents.roles.choosing import choose


class VerbAgent:
    """Motion by arousal and pace; valence decides between surging and raging."""

    def choose(self, brief: Brief, rng: random.Random) -> str:
        """The name of one motion."""
        if brief.silent:
            return "resting"
        drive = 0.75 * brief.arousal + 0.25 * brief.pace
        # Motions lie about 0.3 apart in arousal; one that is two away is never drawn.
        return choose("motion", 0.4 * brief.valence, drive, rng, spread=0.18).name
