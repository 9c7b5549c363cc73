"""A decoder process: reads one file at a time from standard input, answers on standard output, ends when either closes.

It holds nothing but the file it works on, so that it may crash or be killed at any moment. Against a hang it arms an
alarm of its own, which ends the process even where its owner is gone.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from typing import Any, BinaryIO, Final

import numpy as np

from luce.errors import LuceError
from luce.server.errors import from_exception
from luce.server.media import audio, framing, image, muxing, video
from luce.server.media.settings import MediaSettings

_log = logging.getLogger("luce.media.worker")

Answer = tuple[dict[str, Any], bytes]


def _probe(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    yield asdict(audio.probe(data, settings, field=request["field"])), b""


def _audio(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    sound = audio.decode(data, settings, sample_rate=request["sample_rate"], field=request["field"])
    told = {name: getattr(sound, name) for name in ("sample_rate", "duration_s", "channels", "codec", "media_type")}
    yield told, sound.samples.tobytes()


def _blocks(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    for block in audio.decode_blocks(data, settings, sample_rate=request["sample_rate"], field=request["field"]):
        yield {"more": True}, block.tobytes()
    yield {"more": False}, b""


def _image(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    pixels = image.decode(data, settings, field=request["field"])
    yield {"shape": list(pixels.shape)}, pixels.tobytes()


def _probe_video(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    yield asdict(video.probe(data, settings, field=request["field"])), b""


def _video(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    seen = video.decode(data, settings, field=request["field"])
    told = {field.name: getattr(seen, field.name) for field in fields(seen) if field.name != "frames"}
    yield told | {"shape": list(seen.frames.shape)}, seen.frames.tobytes()


def _mux(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Iterator[Answer]:
    split = request["video_bytes"]
    pcm = np.frombuffer(data, np.int16, offset=split).reshape(-1, 2)
    yield {}, muxing.mux(data[:split], pcm, request["sample_rate"], settings, field=request["field"])


_OPERATIONS: Final[dict[str, Callable[[bytes, MediaSettings, dict[str, Any]], Iterator[Answer]]]] = {
    "probe": _probe,
    "audio": _audio,
    "blocks": _blocks,
    "image": _image,
    "probe_video": _probe_video,
    "video": _video,
    "mux": _mux,
}


def _answers(request: dict[str, Any], data: bytes) -> Iterator[Answer]:
    """What an operation answers. The alarm watches its work, not the time until an answer is taken."""
    answers: Iterator[Answer] | None = None
    while True:
        signal.setitimer(signal.ITIMER_REAL, request["kill_after_s"])
        try:
            if answers is None:
                settings = MediaSettings.model_validate(request["settings"])
                answers = _OPERATIONS[request["operation"]](data, settings, request)
            answer = next(answers, None)
            if answer is None:
                return
        except LuceError as error:
            answer, answers = (_failure(error), b""), iter(())
        except Exception as error:
            _log.exception("%s failed", request["operation"])
            answer, answers = (_failure(from_exception(error)), b""), iter(())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        yield answer


def _failure(error: LuceError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "field": error.field, "limit": error.limit}}


def _read(source: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    prefix = source.read(framing.PREFIX.size)
    if len(prefix) < framing.PREFIX.size:
        return None
    header, payload = framing.unpack_prefix(prefix)
    request: dict[str, Any] = json.loads(source.read(header))
    return request, source.read(payload)


def main() -> None:
    """Serve until standard input ends."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A drain is the owner's affair: Ctrl-C reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not land between the answers.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        while (message := _read(sys.stdin.buffer)) is not None:
            for answer in _answers(*message):
                for part in framing.pack(*answer):
                    target.write(part)
                target.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
