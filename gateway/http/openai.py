"""A finished paint job in the shape of OpenAI's image API, for clients that know nothing of jobs."""

from __future__ import annotations

import base64
from typing import Any

from gateway.core import Gateway
from gateway.http import records
from gateway.http.answers import raise_for_failure
from luce.errors import DeadlineExceeded
from luce.v1 import agents_pb2, jobs_pb2


async def openai_images(core: Gateway, job: jobs_pb2.Job, owner: str, response_format: str) -> dict[str, Any]:
    """The pictures as URLs ("url") or as base64 ("b64_json").

    Raises:
        DeadlineExceeded: The job has not ended; it goes on.
        Cancelled: It was cancelled.
        LuceError: What it failed with.
    """
    raise_for_failure(job)
    if job.state != jobs_pb2.JOB_STATE_SUCCEEDED:
        raise DeadlineExceeded(f"it takes longer; the job goes on at {records.job_url(job.id)}")
    data = [await _image(core, image, owner, response_format) for image in job.result.paint.images]
    return {"created": job.finished_at.seconds, "data": data}


async def _image(core: Gateway, image: agents_pb2.PaintedImage, owner: str, response_format: str) -> dict[str, str]:
    told = {"revised_prompt": image.prompt.text}
    if response_format == "url":
        return told | {"url": records.blob_url(image.image.key)}
    png = await core.objects.get(image.image.key, owner=owner)
    return told | {"b64_json": base64.b64encode(png).decode("ascii")}
