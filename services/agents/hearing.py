"""Music of every kind into a description: recordings are listened to, MIDI is read; then words are found for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from luce.server.jobs import JobContext
from luce.server.jobs.patience import Patience, at_once
from luce.server.jobs.together import together
from luce.server.media import MediaDecoder
from luce.server.music.midi import MAGIC
from luce.server.music.spectra import FloatArray
from luce.v1 import agents_pb2
from services.agents import captioning, listening, reading, tagging
from services.agents.captioning import Captioner, Captions
from services.agents.descriptors import descriptors_of
from services.agents.encoding import HeardWindows
from services.agents.listening import Listener, OnSeconds
from services.agents.reading import Reader
from services.agents.summary import summarize
from services.agents.texts import facts_of
from services.agents.verbalising import Teller


@dataclass(frozen=True, eq=False)
class Description:
    """A description, and what it was made by.

    Attributes:
        music: The description.
        models: Name and version of each model that took part.
    """

    music: agents_pb2.MusicDescription
    models: Mapping[str, str] = field(default_factory=dict)


class Hearing:
    """Describes music, at once or inside of a job.

    Args:
        decoder: Media decoder, started.
        listener: Listens to recordings.
        reader: Reads MIDI.
        captioner: Writes captions of recordings.
        teller: Finds the words.
        outage_pause_s: Longest pause before the model server is tried again while it is away, seconds.
    """

    def __init__(
        self,
        decoder: MediaDecoder,
        listener: Listener,
        reader: Reader,
        captioner: Captioner,
        teller: Teller,
        outage_pause_s: float,
    ) -> None:
        self._decoder = decoder
        self._listener = listener
        self._reader = reader
        self._captioner = captioner
        self._teller = teller
        self._outage_pause_s = outage_pause_s

    async def describe(
        self, data: bytes, *, brief: bool = False, waiting: Patience = at_once, on_seconds: OnSeconds | None = None
    ) -> Description:
        """Describe a file.

        Args:
            data: Audio or MIDI.
            brief: Whether only what is measured and felt is wanted: no tags, captions and texts.
            waiting: How models are called.
            on_seconds: Told how many seconds of a recording have been listened to so far.

        Raises:
            RequestError: The file is at fault.
            Unavailable: The model server is away.
        """
        if data.startswith(MAGIC):
            return await self._read(data, brief, waiting)
        return await self._listen(data, brief, waiting, on_seconds)

    async def hear(
        self, key: str, context: JobContext, *, decoded: float, heard: float, brief: bool = False
    ) -> agents_pb2.MusicDescription:
        """Describe the music under a key of the job's owner, and tell it as a part of the result.

        Args:
            key: Of the blob.
            context: The running job.
            decoded: How much of the whole job is done when the music is there to be listened to, 0..1.
            heard: How much of it is done when all has been listened to.
            brief: As in `describe`.

        Raises:
            NotFound: There is no such blob of this owner.
            RequestError: The music is at fault.
            Unavailable: The model server is away until the deadline.
        """
        await context.progress("fetch", 0.0)
        with context.stage("fetch"):
            data = await context.objects.get(key, owner=context.owner, deadline=context.deadline)
        waiting = context.patience(self._outage_pause_s)
        await context.progress("listen", decoded)
        with context.stage("listen"):
            whole = await self._seconds(data)

            async def on_seconds(seconds: float) -> None:
                if whole:
                    await context.progress("listen", decoded + (heard - decoded) * min(1.0, seconds / whole))

            found = await self.describe(data, brief=brief, waiting=waiting, on_seconds=on_seconds)
        for model, version in found.models.items():
            context.used_model(model, version)
        await context.partial(music=found.music)
        return found.music

    async def _seconds(self, data: bytes) -> float | None:
        """How long a recording says it is; None where it does not, and for MIDI, which is read at once."""
        return None if data.startswith(MAGIC) else (await self._decoder.probe(data)).duration_s

    async def _listen(self, data: bytes, brief: bool, waiting: Patience, on_seconds: OnSeconds | None) -> Description:
        captions: asyncio.Task[Captions] | None = None

        async with together() as group:

            def on_windows(windows: HeardWindows) -> None:
                nonlocal captions
                captions = group.create_task(self._captioner.caption(windows, patience=waiting))

            async with aclosing(self._decoder.audio_blocks(data)) as blocks:
                heard = await self._listener.listen(
                    blocks, encode=not brief, patience=waiting, on_windows=on_windows, on_seconds=on_seconds
                )
            music, row, version = await self._listener.feel(heard, patience=waiting)
        models = {**heard.models, **({listening.MODEL: version} if version else {})}
        if heard.windows is None:
            return _brief(music, models)
        written = captions.result() if captions is not None else None
        if written is not None and written.version:
            models[captioning.MODEL] = written.version
        await self._tell(music, row, heard.windows, written, waiting)
        return Description(music, models)

    async def _tell(
        self,
        music: agents_pb2.MusicDescription,
        row: FloatArray | None,
        windows: HeardWindows,
        written: Captions | None,
        waiting: Patience,
    ) -> None:
        """The words for a recording."""
        if not music.silent:
            probabilities = tagging.pooled(windows)
            tagging.tell_tags(music, probabilities)
            tagging.doubt(music, probabilities)
        music.descriptors.extend(descriptors_of(music))
        music.summary = summarize(music)
        instruments = [tag.name for tag in tagging.told(music, "instruments")]
        styles = [tag.name for tag in tagging.told(music, "styles")]
        facts = facts_of(music, row, windows, instruments, styles)
        await self._teller.tell(facts, windows, written, patience=waiting)

    async def _read(self, data: bytes, brief: bool, waiting: Patience) -> Description:
        piece = await self._reader.read(data)
        music, row, version = await self._reader.feel(piece, patience=waiting)
        models = {reading.MODEL: version}
        if brief:
            return _brief(music, models)
        instruments, styles = reading.orchestra_of(piece)
        music.descriptors.extend(descriptors_of(music, (instruments, styles)))
        music.summary = summarize(music)
        await self._teller.tell(facts_of(music, row, None, instruments, styles), patience=waiting)
        return Description(music, models)


def _brief(music: agents_pb2.MusicDescription, models: Mapping[str, str]) -> Description:
    music.descriptors.extend(descriptors_of(music))
    music.summary = summarize(music)
    return Description(music, models)
