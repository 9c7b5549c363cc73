"""Build the training triples: descriptions, rationales, music descriptions, each record checked against the schema.

Run ``python -m training.chain_of_thought.build --data FOLDER``, where FOLDER holds ``flickr8k_1000`` and ``oasis``. It
writes ``triples.jsonl`` and ``report.json`` (counts by source and split, and every refusal by its reason) to
``training/cache/chain_of_thought``; the same seed writes the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from luce.server.chain import InvalidRecord
from training.chain_of_thought.descriptions import (
    Description,
    from_captions,
    from_rated_pictures,
    from_templates,
)
from training.chain_of_thought.teacher import RulesTeacher, Teacher

CACHE = Path("training/cache/chain_of_thought")
TEMPLATES = 2500
CAPTIONS = 2
VARIANTS = {"templates": 1, "flickr8k": 1, "oasis": 2}
"""How many musics are thought of for a description of each source: one picture has many."""


def records(described: Iterable[Description], teacher: Teacher, report: Counter[str]) -> Iterator[dict[str, object]]:
    """Triples with their origin, in order; what breaks the schema is left out and counted in `report`."""
    for description in described:
        split = "held_out" if description.held_out else "train"
        for variant in range(VARIANTS[description.source]):
            try:
                record = teacher.think(description.impression, variant)
            except InvalidRecord as error:
                report[f"refused: {error}"] += 1
                continue
            report[f"{description.source} {split}"] += 1
            emotion = description.impression.emotion
            yield {
                "source": description.source,
                "key": description.key,
                "split": split,
                "emotion": [round(emotion.valence, 4), round(emotion.arousal, 4)],
                "rationale": record.rationale,
                "record": record.to_json(),
            }


def main() -> None:
    """Write the triples and the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--templates", type=int, default=TEMPLATES, help="made-up descriptions")
    parser.add_argument("--captions", type=int, default=CAPTIONS, help="captions of each photograph, of five")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up descriptions")
    parser.add_argument("--output", type=Path, default=CACHE)
    given = parser.parse_args()
    described = [
        *from_templates(given.templates, given.seed),
        *from_captions(given.data, given.captions),
        *from_rated_pictures(given.data),
    ]
    given.output.mkdir(parents=True, exist_ok=True)
    report: Counter[str] = Counter()
    path = given.output / "triples.jsonl"
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        for triple in records(described, RulesTeacher(), report):
            file.write(json.dumps(triple, ensure_ascii=False) + "\n")
    fresh.replace(path)
    (given.output / "report.json").write_text(json.dumps(dict(sorted(report.items())), indent=1), encoding="utf-8")
    for name, count in sorted(report.items()):
        print(f"{count:7d}  {name}")


if __name__ == "__main__":
    main()
