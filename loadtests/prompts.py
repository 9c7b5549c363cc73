"""The agents' prompts, measured: `python -m loadtests.prompts [--midi FOLDER] [--clips N]`.

Without a folder the clips are descriptions drawn at random: emotion as whole pieces of VGMIDI have it (mean .15 and
.05, standard deviation .22 and .24), tempo, loudness, key, and words of instruments, styles and moods. With one, its
MIDI files are felt by `note_emotion`. Prints, for k prompts a clip:

- Distinct-1 and Distinct-2 over the k prompts, the mean over the clips; most content words that two of them share;
- entropy of scenes and of styles over all clips, in nats;
- how often warmth, brightness and motion of the words differ as they should between clips of opposite quadrants;
- how often the picture model reads the attribute that was meant (`--no-readback` leaves it out);
- what the agents add to a request, in processor time and by the clock;
- each of them for the ablations and baselines.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.local.ports import free_ports
from luce.server.local.supervisor import Service, Supervisor
from luce.server.local.triton import TritonOptions, triton_process
from luce.server.measures.text import category_entropy, content_words, distinct
from luce.server.settings import TritonSettings
from luce.server.vocabulary import lexicon
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.imagining import Imagination
from services.agents.matching import Matcher
from services.agents.reading import Reader
from services.agents.roles import Brief, brief_of

ROOT: Final = Path(__file__).parents[1]
VARIANTS: Final[dict[str, dict[str, object]]] = {
    "full": {},
    "without verb": {"without": ["AGENT_ROLE_VERB"]},
    "without composition": {"without": ["AGENT_ROLE_COMPOSITION"]},
    "without colour": {"without": ["AGENT_ROLE_COLOUR"]},
    "without style": {"without": ["AGENT_ROLE_STYLE"]},
    "single agent": {"baseline": "AGENT_BASELINE_SINGLE_AGENT"},
    "caption only": {"baseline": "AGENT_BASELINE_CAPTION_ONLY"},
}
_PAIRS: Final = 20
_INSTRUMENTS: Final = (
    "piano",
    "electric guitar",
    "strings",
    "flute",
    "drums",
    "synthesizer",
    "choir",
    "saxophone",
    "harp",
)
_STYLES: Final = ("classical", "jazz", "rock", "electronic", "folk", "ambient", "hip hop", "film score", "latin")


def drawn(seed: int) -> agents_pb2.MusicDescription:
    """A description at random."""
    rng = random.Random(seed)

    def within(mean: float, deviation: float) -> float:
        return max(-1.0, min(1.0, rng.gauss(mean, deviation)))

    music = agents_pb2.MusicDescription(
        duration_s=rng.uniform(20, 200),
        tempo_bpm=rng.uniform(55, 175),
        loudness_lufs=rng.uniform(-30, -8),
        key=rng.choice(["", "C major", "A minor", "G major", "D minor"]),
        emotion=emotion_pb2.Emotion(valence=within(0.15, 0.22), arousal=within(0.05, 0.24)),
        summary="A piece of music.",
    )
    words = (("instruments", rng.sample(_INSTRUMENTS, 2)), ("styles", [rng.choice(_STYLES)]))
    for dimension, names in words:
        for name in names:
            music.tags.add(dimension=dimension, name=name, confidence=rng.uniform(0.5, 0.95))
    music.caption = f"A {words[1][1][0]} piece with {' and '.join(words[0][1])}."
    return music


async def heard(paths: Sequence[Path], inference: InferenceClient) -> list[agents_pb2.MusicDescription]:
    """MIDI files, described."""
    reader = Reader(inference)
    found = []
    for path in paths:
        music, _, _ = await reader.feel(await reader.read(path.read_bytes()))
        found.append(music)
    return found


def quadrant(brief: Brief) -> int:
    """1..4, counter-clockwise from pleasant and excited."""
    return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[
        brief.valence > 0, brief.arousal > 0
    ]


def opposite_pairs(clips: Sequence[agents_pb2.MusicDescription]) -> list[tuple[int, int]]:
    """Pairs of clips of opposite quadrants, the more valent one first; those that feel most come first."""
    briefs = [brief_of(clip) for clip in clips]
    strength = sorted(range(len(clips)), key=lambda i: -min(abs(briefs[i].valence), abs(briefs[i].arousal)))
    pairs = []
    for bright, dark in ((1, 3), (4, 2)):
        ups = [i for i in strength if quadrant(briefs[i]) == bright][: _PAIRS // 2]
        downs = [i for i in strength if quadrant(briefs[i]) == dark][: _PAIRS // 2]
        pairs += list(zip(ups, downs, strict=False))
    return pairs


def look(prompt: agents_pb2.Prompt) -> tuple[float, float, float]:
    """Warmth and brightness that its words bring about (as measured on the painter), and arousal of its motion."""
    wordings = [lexicon().wording(kind, name) for kind, name in prompt.vocabulary.items()]
    motion = [wording.entry.arousal for wording in wordings if wording.entry.kind == "motion"]
    return sum(w.warmth for w in wordings), sum(w.brightness for w in wordings), motion[0] if motion else 0.0


def directions(
    clips: Sequence[agents_pb2.MusicDescription], prompts: Sequence[Sequence[agents_pb2.Prompt]]
) -> tuple[list[float], int]:
    """Share of pairs whose warmth, brightness and motion (mean over k prompts) differ as they should, and the pairs."""
    pairs = opposite_pairs(clips)
    right: list[list[bool]] = [[], [], []]
    for up, down in pairs:
        one, other = ([fmean(axis) for axis in zip(*map(look, prompts[i]), strict=True)] for i in (up, down))
        livelier = clips[up].emotion.arousal > clips[down].emotion.arousal
        right[0].append(one[0] > other[0])
        right[1].append(one[1] > other[1])
        right[2].append((one[2] > other[2]) == livelier)
    return [fmean(axis) if axis else float("nan") for axis in right], len(pairs)


def shared(texts: Sequence[str]) -> float:
    """Most content words that two texts share, of the shorter one's."""
    found = [content_words(text) for text in texts]
    pairs = itertools.combinations(found, 2)
    return max(len(one & other) / max(1, min(len(one), len(other))) for one, other in pairs)


def table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a table of Markdown."""
    for row in rows:
        print("| " + " | ".join(row) + " |")


async def measure(arguments: argparse.Namespace, url: str) -> None:
    """All of it, against a running Triton."""
    inference = InferenceClient(TritonSettings(url=url))
    try:
        clips = [drawn(seed) for seed in range(arguments.clips)]
        if arguments.files:
            clips = await heard(arguments.files, inference)
        imagination = Imagination(Matcher(TextEmbedder(inference)))
        await imagination.imagine(clips[0], "", arguments.k, 0)
        if arguments.times:
            await times(imagination, clips, arguments.k)
            return
        print(f"{len(clips)} clips, k = {arguments.k}\n")
        head = ["", "Distinct-1", "Distinct-2", "shared, most", "scenes", "styles", "warmth", "brightness", "motion"]
        rows = [head, ["---"] * len(head)]
        full: list[list[agents_pb2.Prompt]] = []
        for name, options in VARIANTS.items():
            chosen = agents_pb2.AgentOptions(**options)  # type: ignore[arg-type]
            found = [
                list((await imagination.imagine(clip, "", arguments.k, seed, chosen)).prompts)
                for seed, clip in enumerate(clips)
            ]
            full = full or found
            texts = [[prompt.text for prompt in prompts] for prompts in found]
            ways, pairs = directions(clips, found)
            entropies = [
                category_entropy(p.vocabulary[kind] for prompts in found for p in prompts if kind in p.vocabulary)
                for kind in ("scene", "style")
            ]
            figures = [
                fmean(distinct(one, 1) for one in texts),
                fmean(distinct(one, 2) for one in texts),
                max(map(shared, texts)),
                *entropies,
                *(ways if found[0][0].vocabulary else [float("nan")] * 3),
            ]
            rows.append([name, *(f"{figure:.3f}" for figure in figures)])
        table(rows)
        print(f"\n{pairs} pairs of opposite quadrants")
        await times(imagination, clips, arguments.k)
    finally:
        await inference.close()
    if arguments.readback:
        from loadtests.readback import ReadBack, agrees

        read, hits = ReadBack(), dict[str, list[bool]]()
        for prompts in full[:60]:
            for prompt, seen in zip(prompts, read([prompt.text for prompt in prompts]), strict=True):
                for kind, name in prompt.vocabulary.items():
                    hits.setdefault(kind, []).append(agrees(kind, name, seen[kind]))
        print("\nread by the picture model as meant:")
        print(", ".join(f"{kind} {fmean(values):.3f}" for kind, values in hits.items()))


async def times(imagination: Imagination, clips: Sequence[agents_pb2.MusicDescription], k: int) -> None:
    """What the agents add to a request: words that are new each time, and words that are known."""
    for name, fresh in (("captions that are new", True), ("captions that are known", False)):
        clock, processor = [], []
        for seed, clip in enumerate(clips[:60]):
            music = agents_pb2.MusicDescription()
            music.CopyFrom(clip)
            if fresh:
                music.caption = f"{clip.caption} It is number {seed} of the series."
            begun, spent = time.perf_counter(), time.process_time()
            await imagination.imagine(music, "", k, seed)
            clock.append(1000 * (time.perf_counter() - begun))
            processor.append(1000 * (time.process_time() - spent))
        print(
            f"{name}: {statistics.median(clock):.1f} ms by the clock (least {min(clock):.1f}, "
            f"p95 {statistics.quantiles(clock, n=20)[-1]:.1f}), {statistics.median(processor):.1f} ms of this process"
        )


async def run(arguments: argparse.Namespace) -> None:
    """Measure on a Triton of its own."""
    with tempfile.TemporaryDirectory() as state:
        http, grpc, metrics = free_ports(3)
        options = TritonOptions(
            model_repository=ROOT / "model_repository",
            state=Path(state),
            source_root=ROOT,
            http_port=http,
            grpc_port=grpc,
            metrics_port=metrics,
            models=("text_encoder", "note_emotion"),
        )
        supervisor = Supervisor([Service(triton_process(options))], logs=Path(state) / "logs")
        try:
            await supervisor.start()
            await measure(arguments, f"127.0.0.1:{grpc}")
        finally:
            await supervisor.stop()


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--midi", type=Path, help="folder of MIDI files; default: descriptions at random")
    parser.add_argument("--clips", type=int, default=200, help="most clips")
    parser.add_argument("--k", type=int, default=4, help="prompts a clip")
    parser.add_argument("--no-readback", dest="readback", action="store_false", help="leave the picture model out")
    parser.add_argument("--times", action="store_true", help="only what the agents add to a request")
    arguments = parser.parse_args()
    arguments.files = [] if arguments.midi is None else sorted(arguments.midi.rglob("*.mid"))[: arguments.clips]
    asyncio.run(run(arguments))


if __name__ == "__main__":
    main()
