"""Constrained decoding: which tokens may come next, by a table beside the model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from backends.autoregressive.bar_grammar import load_bar_grammar
from backends.autoregressive.errors import GenerationError
from backends.autoregressive.sampling import Mask

NONE = -1
"""In a table: this token may not come in this state."""


State = Hashable
"""Where in a constraint one is: a small value that never changes, so that beams share it freely."""


class Constraint(Protocol):
    """What may come next."""

    def start(self) -> State:
        """The state before the first token."""
        ...

    def allowed(self, state: Any) -> Mask:
        """(V,) true where a token may come; not to be written to."""
        ...

    def advance(self, state: Any, token: int) -> State | None:
        """The state after `token`; None where it may not come."""
        ...


class Automaton:
    """A finite automaton over tokens.

    Args:
        next_state: (S, V) the state that each token leads to, `NONE` (-1) where it may not come. State 0 is the first.
            A table of allowed token pairs is the special case with one state for each last token.
    """

    def __init__(self, next_state: npt.NDArray[np.integer]) -> None:
        self._next = next_state.astype(np.int32)
        self._allowed: Mask = self._next >= 0

    def start(self) -> int:
        """State 0."""
        return 0

    def allowed(self, state: int) -> Mask:
        """(V,) true where the table has a next state."""
        found: Mask = self._allowed[state]
        return found

    def advance(self, state: int, token: int) -> int | None:
        """The table's next state."""
        found = int(self._next[state, token])
        return None if found == NONE else found


def load_automaton(path: Path, vocabulary_size: int) -> Constraint:
    """Read `next_state` (S, V) from an npz file. Raises `GenerationError`."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            table = archive["next_state"]
    except (OSError, KeyError, ValueError) as error:
        raise GenerationError(f"{path}: no table next_state: {error}") from error
    if table.ndim != 2 or table.shape[1] != vocabulary_size or not np.issubdtype(table.dtype, np.integer):
        raise GenerationError(f"{path}: next_state is {table.dtype} {table.shape}, not whole numbers (S, V)")
    if not len(table) or table.min() < NONE or table.max() >= len(table):
        raise GenerationError(f"{path}: next_state names a state that is not there")
    return Automaton(table)


CONSTRAINTS: Mapping[str, Callable[[Path, int], Constraint]] = {
    "automaton": load_automaton,
    "bars": load_bar_grammar,
}
"""Kinds that `generation.json` may name."""
