"""The hybrid filter (MusePainter's FMMD): of several texts that say the same, the one to keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luce.server.inference.text_embedder import TextEmbedder
from luce.server.music.spectra import FloatArray


class HybridFilter:
    """Scores texts by how far they agree with each other and with the sound.

    The score of a candidate is the mean cosine of its vector with those of the other candidates, plus its cosine with
    the vector of the audio, where there is one. Both vectors lie in one space: `audio_encoder`'s and `text_encoder`'s.

    Args:
        embedder: Embeds texts.
        timeout_s: Longest call, seconds.
    """

    def __init__(self, embedder: TextEmbedder, *, timeout_s: float = 20.0) -> None:
        self._embedder = embedder
        self._timeout_s = timeout_s

    async def best(self, groups: Sequence[Sequence[str]], audio: FloatArray | None = None) -> list[int]:
        """The index of the best candidate of each group; the first where they score alike.

        Args:
            groups: Candidates, at least one in each group.
            audio: Vector of the recording, (384,) of length 1; None for written music.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: From the embedder.
        """
        open_ = {text for group in groups if len(set(group)) > 1 for text in group}
        if not open_:
            return [0] * len(groups)
        texts = sorted(open_)
        embedded = await self._embedder.embed(texts, deadline=self._timeout_s)
        vectors = dict(zip(texts, embedded.vectors, strict=True))
        return [_best(group, vectors, audio) if len(set(group)) > 1 else 0 for group in groups]


def _best(group: Sequence[str], vectors: dict[str, FloatArray], audio: FloatArray | None) -> int:
    rows = np.stack([vectors[text] for text in group])
    agreement = ((rows @ rows.T).sum(axis=1) - 1) / max(len(group) - 1, 1)
    score = agreement if audio is None else agreement + rows @ audio
    # Rounded, so that the last bits of a vector decide nothing.
    return int(np.round(score, 5).argmax())
