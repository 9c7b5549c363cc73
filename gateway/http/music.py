"""HTTP fields of a request for music as the protobuf message that both doors check."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from gateway import admission
from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.answers import json_response
from gateway.http.music_schemas import AskedEmotion, MusicOptions
from gateway.http.preferences import wait_seconds
from gateway.http.receiving import unicode_text
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument
from luce.server.music import limits
from luce.v1 import emotion_pb2, jobs_pb2, mapping_pb2

_NUMBERS: Final[dict[str, tuple[float, float]]] = {
    "seconds": limits.SECONDS,
    "n": limits.PIECES,
    "seed": admission.SEED,
    "candidates": limits.CANDIDATES,
    "tempo_bpm": limits.TEMPO_BPM,
}


def music_options(options: MusicOptions) -> mapping_pb2.MusicOptions:
    """The message. What a protobuf field cannot even hold (a negative or a huge number) is refused here.

    Raises:
        InvalidArgument: A field is out of range.
    """
    message = mapping_pb2.MusicOptions(stream=options.stream)
    # The bare message marks presence even where every option takes its default.
    message.SetInParent()
    for field, allowed in _NUMBERS.items():
        value = getattr(options, field, None)
        if value is not None:
            admission.check_number(field, value, allowed)
            setattr(message, field, value)
    for field in ("key", "time_signature", "audio_format"):
        setattr(message, field, unicode_text(field, getattr(options, field) or ""))
    names = options.instruments or []
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",") if name.strip()]
    message.instruments.extend(unicode_text("instruments", name) for name in names)
    if options.emotion is not None:
        message.emotion.CopyFrom(_emotion(options.emotion))
    return message


def _emotion(asked: AskedEmotion | str) -> emotion_pb2.Emotion:
    if isinstance(asked, AskedEmotion):
        return emotion_pb2.Emotion(valence=asked.valence, arousal=asked.arousal)
    limit = "VALENCE,AROUSAL, each in -1..1"
    try:
        valence, arousal = (float(part) for part in asked.split(","))
    except ValueError as error:
        raise InvalidArgument(f"emotion is {asked[:40]!r}, not {limit}", field="emotion", limit=limit) from error
    return emotion_pb2.Emotion(valence=valence, arousal=arousal)


async def submit(
    request: Request,
    core: Gateway,
    owner: str,
    watch: Stopwatch,
    task: jobs_pb2.Task,
    *,
    timeout_s: float | None,
    prefer: str | None,
    idempotency_key: str | None,
) -> Response:
    """The answer to a request for music: 202 with the job, or 200 where it is done within `Prefer: wait=N`."""
    job, created = await core.submit(
        task, owner, watch, idempotency_key=idempotency_key or "", timeout_s=timeout_s or 0.0
    )
    headers = {"Location": records.job_url(job.id)}
    if not created:
        headers["Idempotency-Replayed"] = "true"
    seconds = wait_seconds(prefer, core.settings.max_wait_s)
    if seconds > 0:
        headers["Preference-Applied"] = f"wait={seconds:g}"
        with watch.stage("wait"):
            job = await body.unless_gone(request.receive, core.wait(job.id, owner, seconds))
    return json_response(records.job_record(job), 200 if job.state in records.TERMINAL else 202, headers)
