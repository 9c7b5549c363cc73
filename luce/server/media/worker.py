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
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from luce.errors import LuceError
from luce.server.errors import from_exception
from luce.server.media import audio, framing, image
from luce.server.media.settings import MediaSettings

_log = logging.getLogger("luce.media.worker")

Answer = tuple[dict[str, Any], bytes]


def _probe(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Answer:
    return asdict(audio.probe(data, settings, field=request["field"])), b""


def _audio(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Answer:
    sound = audio.decode(data, settings, sample_rate=request["sample_rate"], field=request["field"])
    told = {name: getattr(sound, name) for name in ("sample_rate", "duration_s", "channels", "codec", "media_type")}
    return told, sound.samples.tobytes()


def _image(data: bytes, settings: MediaSettings, request: dict[str, Any]) -> Answer:
    pixels = image.decode(data, settings, field=request["field"])
    return {"shape": list(pixels.shape)}, pixels.tobytes()


_OPERATIONS: Final[dict[str, Callable[[bytes, MediaSettings, dict[str, Any]], Answer]]] = {
    "probe": _probe,
    "audio": _audio,
    "image": _image,
}


def _answer(request: dict[str, Any], data: bytes) -> Answer:
    signal.setitimer(signal.ITIMER_REAL, request["kill_after_s"])
    try:
        settings = MediaSettings.model_validate(request["settings"])
        return _OPERATIONS[request["operation"]](data, settings, request)
    except LuceError as error:
        return _failure(error), b""
    except Exception as error:
        _log.exception("%s failed", request["operation"])
        return _failure(from_exception(error)), b""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


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
            for part in framing.pack(*_answer(*message)):
                target.write(part)
            target.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
