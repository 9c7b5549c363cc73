"""From the chain of thought to what the composer is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.server.chain import DRUM_KIT, Controls, Thought
from luce.server.music.composing.orchestra import DRUMS, INSTRUMENTS
from luce.server.music.composing.planning import Moment, Wish, time_signature_for, whole_bars
from luce.v1 import mapping_pb2
from services.mapping.continuing import Beginning
from services.mapping.orders import MusicOrder

_NAMES: Final = {instrument.program: name for name, instrument in INSTRUMENTS.items()}


def wish_of(
    order: MusicOrder,
    controls: Controls,
    moments: Sequence[Moment],
    embedding: NDArray[np.float32] | None,
    beginning: Beginning | None = None,
) -> Wish:
    """What the composer is asked for: what the caller fixed, and else what the chain chose.

    A tempo that the chain chose is bent so that whole bars fill the time; one that the caller fixed is kept.

    Args:
        order: Of the caller.
        controls: Of the chain.
        moments: How the music feels through time.
        embedding: (384,) float32 of length 1, of what the music is about; None: the feeling alone.
        beginning: What the music goes on from or varies.

    Raises:
        InvalidArgument: What the caller fixed does not go with the beginning.
    """
    if beginning is not None:
        order = beginning.asked(order)
    metre = order.time_signature or time_signature_for(controls.metre)
    seconds = sum(moment.seconds for moment in moments)
    bpm = beginning.given.bpm if beginning is not None else controls.tempo_bpm
    return Wish(
        moments=tuple(moments),
        embedding=embedding,
        key=order.key,
        mode=None if order.key else controls.mode,
        time_signature=metre,
        tempo_bpm=order.tempo_bpm or (whole_bars(bpm, metre, seconds) if metre else None),
        instruments=order.instruments or _instruments(controls),
        given=beginning.tail if beginning else None,
    )


def _instruments(controls: Controls) -> tuple[str, ...]:
    """The composer's names of the chain's instruments; empty where it knows none that plays notes."""
    names = [_NAMES[program] for program in controls.programs if program in _NAMES]
    if not names:
        return ()
    return (*dict.fromkeys(names), DRUMS) if DRUM_KIT in controls.programs else tuple(dict.fromkeys(names))


def chain_steps(thought: Thought, notes: Sequence[str] = ()) -> list[mapping_pb2.ChainStep]:
    """The chain's steps as messages; notes stand at the end of the first."""
    steps = []
    for step in thought.steps:
        message = mapping_pb2.ChainStep(stage=step.stage, text=step.text)
        for element in step.elements:
            message.elements.add(name=element.name, values=element.values, reason=element.reason)
        steps.append(message)
    if notes:
        steps[0].text = " ".join([steps[0].text, *notes])
    return steps


def obtained_step(pieces: Sequence[mapping_pb2.Piece]) -> mapping_pb2.ChainStep:
    """The last step: what came of it."""
    step = mapping_pb2.ChainStep(stage="obtained")
    sentences = []
    for number, piece in enumerate(pieces, 1):
        name = "The piece" if len(pieces) == 1 else f"Piece {number}"
        sentences.append(
            f"{name} is in {piece.key}, {piece.time_signature} at {piece.tempo_bpm:.0f} quarter notes a minute, for "
            f"{_listed(piece.instruments)}. Its notes feel like valence {piece.obtained.valence:+.2f}, arousal "
            f"{piece.obtained.arousal:+.2f}; {piece.asked.valence:+.2f} and {piece.asked.arousal:+.2f} were asked for."
        )
    step.text = " ".join(sentences)
    first = pieces[0]
    for label, value in (
        ("key", first.key),
        ("time signature", first.time_signature),
        ("tempo", f"{first.tempo_bpm:.0f} bpm"),
    ):
        step.elements.add(name=label, values=[value])
    step.elements.add(name="instruments", values=list(first.instruments))
    return step


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
