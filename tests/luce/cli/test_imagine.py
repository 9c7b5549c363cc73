"""`luce imagine`, and the agents of `luce paint`."""

from __future__ import annotations

import json
from pathlib import Path

from luce.cli import exits
from luce.v1 import agents_pb2
from tests.luce.cli.conftest import Run
from tests.luce.server import SmallServer

NOTE = "  1 colour [llm] palette: warm  (it is bright)"
FINDING = "  1 validator error, emotion mismatch of mood, repaired: too sad (try happy)"


def test_imagine_tells_the_prompts_and_on_request_why(run: Run, song: Path, server: SmallServer) -> None:
    plain = run("imagine", "song.ogg", "--n", "2", "--seed", "7", "--text", "a dancer")
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.splitlines() == ["song.ogg", "  a sunlit meadow", "  a sunlit meadow"]
    assert (server.imagined[0].seed, server.imagined[0].text) == (7, "a dancer")
    explained = run("imagine", "song.ogg", "--n", "1", "--explain", "--without", "verb, style", "--mind", "rules")
    assert explained.stdout.splitlines()[-2:] == [NOTE, FINDING]
    assert list(server.imagined[1].agents.without) == [agents_pb2.AGENT_ROLE_VERB, agents_pb2.AGENT_ROLE_STYLE]


def test_imagine_as_json_is_one_object_a_line(run: Run, song: Path) -> None:
    done = run("imagine", "song.ogg", "--json", "--explain", "--n", "1")
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert told["input"] == "song.ogg"
    assert told["prompts"][0]["vocabulary"] == {"scene": "field", "palette": "amber"}
    assert told["prompts"][0]["emotion"]["valence"] == 0.5
    assert told["report"]["findings"][0]["outcome"] == "repaired"
    assert told["music"]["key"] == "C major"


def test_an_agent_that_does_not_exist_is_bad_input(run: Run, song: Path) -> None:
    done = run("imagine", "song.ogg", "--without", "verbs")
    assert done.returncode == exits.BAD_INPUT
    assert "scene, verb, style" in done.stderr


def test_paint_explains_on_request(run: Run, song: Path, server: SmallServer) -> None:
    done = run("paint", "song.ogg", "--explain", "--baseline", "caption_only")
    assert done.returncode == 0, done.stderr
    assert NOTE in done.stderr.splitlines()
    assert FINDING in done.stderr.splitlines()
    assert server.tasks["job-0"].task.paint.agents.baseline == agents_pb2.AGENT_BASELINE_CAPTION_ONLY
    told = json.loads(run("paint", "song.ogg", "--explain", "--json").stdout)
    assert told["report"]["notes"][0]["author"] == "colour"
    assert json.loads(run("paint", "song.ogg", "--json").stdout)["report"] is None
