"""Whether the picture model reads each wording of the lexicon as its entry: `python -m loadtests.wordings`.

Each wording stands in 12 prompts with everything else at random. Prints the share for each kind, and every wording that
is read as its entry in fewer than three of four prompts.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from statistics import fmean
from typing import Final

from loadtests.readback import ReadBack, agrees
from luce.server.vocabulary import KINDS, lexicon
from services.agents.phrasing import phrasings

_LEAST: Final = 0.75


def prompt_with(kind: str, wording: str, rng: random.Random) -> str:
    """A prompt that says this, and everything else at random."""
    said = {}
    for other in KINDS:
        entry = rng.choice(list(lexicon().table[other].values()))
        said[other] = rng.choice(entry.words)
        if other == "style":
            said["texture"] = rng.choice(entry.texture)
    if rng.random() < 0.5:
        said["subject"] = ""
    said[kind] = wording
    return rng.choice(phrasings().whole).fill(said)


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=12, help="prompts a wording")
    count = parser.parse_args().prompts
    read, rng = ReadBack(), random.Random(0)
    shares: dict[str, list[float]] = defaultdict(list)
    for kind in KINDS:
        for name, wording in lexicon().table[kind].items():
            for words in wording.words:
                found = read([prompt_with(kind, words, rng) for _ in range(count)])
                share = fmean(agrees(kind, name, one[kind]) for one in found)
                shares[kind].append(share)
                if share < _LEAST:
                    print(f"{share:.2f}  {kind}.{name}: {words}")
    for kind, values in shares.items():
        print(f"{kind:<12} {fmean(values):.3f} over {len(values)} wordings")


if __name__ == "__main__":
    main()
