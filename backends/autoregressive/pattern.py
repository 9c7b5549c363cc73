"""Codebooks with delays: which token of which frame stands at which step, and what is known beforehand.

A frame is one token of each of K codebooks (plain text: K = 1, no delay). Codebook k's token of frame f is decided at
step f + delays[k], so that within one frame later codebooks see earlier ones (MusicGen's "delay" pattern, Copet et
al., 2023). T frames take T + max(delays) steps. What a step decides is the input of the next one; the input of step 0
is the start token in every codebook.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.autoregressive.events import Ids

FREE = -1
"""Marks, among forced tokens, one that the model decides."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The steps of one request.

    Attributes:
        delays: steps by which each codebook comes later, the smallest being 0.
        special: token that stands where a codebook has no frame (before its delay, after the end).
        prefix: (P, K) frames that are given.
        frames: frames to generate after them, at most.
    """

    delays: tuple[int, ...]
    special: int
    prefix: Ids
    frames: int

    @property
    def steps(self) -> int:
        """Decoder steps, those that only read the prefix included."""
        return len(self.prefix) + self.frames + max(self.delays)

    @property
    def known(self) -> int:
        """Steps whose outcome is known beforehand in every codebook."""
        return len(self.prefix)

    def forced(self, step: int) -> Ids:
        """(K,) what step `step` decides where that is known, `FREE` elsewhere."""
        given = len(self.prefix)
        found = np.full(len(self.delays), FREE, dtype=np.int64)
        for codebook, delay in enumerate(self.delays):
            frame = step - delay
            if frame < 0 or frame >= given + self.frames:
                found[codebook] = self.special
            elif frame < given:
                found[codebook] = self.prefix[frame, codebook]
        return found

    def complete(self, step: int) -> int:
        """Generated frames of which every codebook is decided once `step` steps have run."""
        return min(max(0, step - max(self.delays) - len(self.prefix)), self.frames)

    def gather(self, decided: Ids, start: int, end: int) -> Ids:
        """Frames `start`..`end` of the generated ones, (end - start, K), out of `decided` (steps, K)."""
        given = len(self.prefix)
        columns = [decided[start + given + d : end + given + d, k] for k, d in enumerate(self.delays)]
        return np.stack(columns, axis=1)
