"""Build the training triples: descriptions, rationales, music descriptions, each record checked against the schema.

Run ``python -m training.chain_of_thought.build --data FOLDER``, where FOLDER holds ``flickr8k_1000`` and ``oasis``. It
writes ``triples.jsonl`` and ``report.json`` (counts by source and split, and every refusal by its reason) to
``training/cache/chain_of_thought``; the rules write the same bytes for the same seed. ``--teacher model`` asks the
language model of ``LUCE_LLM_URL`` and ``LUCE_LLM_MODEL`` instead, and goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from luce.server.chain import InvalidRecord, Record, parse_record
from luce.server.llm import LanguageModel, LanguageModelSettings
from training.chain_of_thought.descriptions import (
    Description,
    from_captions,
    from_rated_pictures,
    from_templates,
)
from training.chain_of_thought.teacher import ModelTeacher, RulesTeacher, Teacher

CACHE = Path("training/cache/chain_of_thought")
TEMPLATES = 2500
CAPTIONS = 2
VARIANTS = {"templates": 1, "flickr8k": 1, "oasis": 2}
"""How many musics are thought of for a description of each source: one picture has many."""
_AT_ONCE = 8

Triple = dict[str, Any]
Asked = tuple[Description, int]


async def triples(
    asked: Iterable[Asked], teacher: Teacher, report: Counter[str], known: Sequence[Triple] = ()
) -> AsyncIterator[Triple]:
    """Triples with their origin, in order.

    Args:
        asked: descriptions with the variant of music.
        teacher: thinks.
        report: counts what came of them; what breaks the schema is left out and counted.
        known: triples of an earlier run that was stopped; they are not asked for again.
    """
    have = {(triple["source"], triple["key"], triple["variant"]): triple for triple in known}

    async def one(description: Description, variant: int) -> Triple | None:
        found = have.get((description.source, description.key, variant))
        if found is not None:
            return found
        try:
            record = await teacher.think(description.impression, variant)
        except InvalidRecord as error:
            report[f"refused: {error}"] += 1
            return None
        return _triple(description, variant, record)

    for some in _batches(asked, _AT_ONCE):
        for triple in await asyncio.gather(*(one(*item) for item in some)):
            if triple is not None:
                report[f"{triple['source']} {triple['split']}"] += 1
                yield triple


def _batches(items: Iterable[Asked], count: int) -> Iterator[list[Asked]]:
    left = iter(items)
    while some := list(islice(left, count)):
        yield some


def _triple(description: Description, variant: int, record: Record) -> Triple:
    emotion = description.impression.emotion
    return {
        "source": description.source,
        "key": description.key,
        "variant": variant,
        "split": "held_out" if description.held_out else "train",
        "emotion": [round(emotion.valence, 4), round(emotion.arousal, 4)],
        "rationale": record.rationale,
        "record": record.to_json(),
    }


def stopped(path: Path) -> list[Triple]:
    """The triples that a run which was stopped has written; a line that was cut off is left out."""
    found: list[Triple] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            triple = json.loads(line)
            parse_record(triple["record"])
        except (ValueError, KeyError):
            continue
        found.append(triple)
    return found


async def build(asked: Iterable[Asked], teacher: Teacher, output: Path, *, resume: bool) -> Counter[str]:
    """Write triples and report into a folder that is there; say what was counted."""
    report: Counter[str] = Counter()
    fresh = output / "triples.partial.jsonl"
    known = stopped(fresh) if resume else []
    with fresh.open("w", encoding="utf-8") as file:
        async for triple in triples(asked, teacher, report, known):
            file.write(json.dumps(triple, ensure_ascii=False) + "\n")
            file.flush()
    fresh.replace(output / "triples.jsonl")
    (output / "report.json").write_text(json.dumps(dict(sorted(report.items())), indent=1), encoding="utf-8")
    return report


async def _run(given: argparse.Namespace) -> Counter[str]:
    described = [
        *from_templates(given.templates, given.seed),
        *from_captions(given.data, given.captions),
        *from_rated_pictures(given.data),
    ]
    asked = [(description, variant) for description in described for variant in range(VARIANTS[description.source])]
    if given.teacher == "rules":
        return await build(asked, RulesTeacher(), given.output, resume=False)
    model = LanguageModel(LanguageModelSettings())
    try:
        return await build(asked, ModelTeacher(model), given.output, resume=True)
    finally:
        await model.close()


def main() -> None:
    """Write the triples and the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--templates", type=int, default=TEMPLATES, help="made-up descriptions")
    parser.add_argument("--captions", type=int, default=CAPTIONS, help="captions of each photograph, of five")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up descriptions")
    parser.add_argument("--teacher", choices=("rules", "model"), default="rules")
    parser.add_argument("--output", type=Path, default=CACHE)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for name, count in sorted(asyncio.run(_run(given)).items()):
        print(f"{count:7d}  {name}")


if __name__ == "__main__":
    main()
