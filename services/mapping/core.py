"""What the mapping service answers at once, without a server."""

from __future__ import annotations

import asyncio

from luce.emotion import Emotion
from luce.errors import InvalidArgument, UnsupportedMediaType
from luce.server.bus import ObjectStore
from luce.server.deadline import Deadline
from luce.server.host import NatsRpc
from luce.server.inference import TextEmbedder
from luce.server.music.tags import tags
from luce.v1 import agents_pb2, emotion_pb2, mapping_pb2, media_pb2
from services.mapping import aligning
from services.mapping.embedding import HeardSound, MediaEncoder, names_of
from services.mapping.feeling import Feeler

AGENTS = "luce.v1.AgentsService"
MIDI = "audio/midi"
MOST_MEDIA = 16
"""Media of one call to `embed`."""

#: Objects that are told of an image: at most so many, each at least this likely.
_OBJECTS, _LIKELY = 3, 0.15
_TAGS = 4


class Mapping:
    """The operations behind `MappingService`.

    The callers of the service have checked that each blob is their client's: the key itself is the permission here.

    Args:
        objects: Where media lie.
        embedder: Text into vectors.
        encoder: Images and audio into vectors.
        feeler: Feels words and images.
        rpc: Calls to the agents, who hear music.
    """

    def __init__(
        self, objects: ObjectStore, embedder: TextEmbedder, encoder: MediaEncoder, feeler: Feeler, rpc: NatsRpc
    ) -> None:
        self._objects = objects
        self._embedder = embedder
        self._encoder = encoder
        self._feeler = feeler
        self._rpc = rpc

    async def embed(self, request: mapping_pb2.EmbedRequest, deadline: Deadline) -> mapping_pb2.EmbedResponse:
        """Texts and media into vectors, in order.

        Raises:
            InvalidArgument: There is nothing to embed, or too much.
            UnsupportedMediaType: A medium is neither an image nor a recording.
            NotFound: There is no such blob.
            RequestError: A medium is at fault.
            ResourceExhausted, Unavailable, DeadlineExceeded: A model or the store is away, slow or full.
        """
        if not request.texts and not request.media:
            raise InvalidArgument("there is nothing to embed: give texts or media", field="texts", limit="1..")
        if len(request.media) > MOST_MEDIA:
            limit = f"0..{MOST_MEDIA}"
            raise InvalidArgument(f"media has {len(request.media)} entries", field="media", limit=limit)
        answer = mapping_pb2.EmbedResponse()
        models: list[str] = []
        if request.texts:
            embedded = await self._embedder.embed(list(request.texts), deadline=deadline.remaining())
            for vector, truncated in zip(embedded.vectors.tolist(), embedded.truncated, strict=True):
                answer.embeddings.add(values=vector, truncated=truncated, medium="text")
            answer.tokens = embedded.tokens
            models.append(embedded.model)
        for index, blob in enumerate(request.media):
            field = f"media[{index}]"
            data = await self._objects.get(blob.key, deadline=deadline)
            if blob.media_type.startswith("image/"):
                seen = await self._encoder.image(data, field)
                answer.embeddings.add(values=seen.embedding.tolist(), medium="image")
                models += names_of(seen.models[:1])
            else:
                heard = await self._hear(blob, data, field, deadline)
                answer.embeddings.add(values=heard.embedding.tolist(), medium="audio")
                models += names_of([heard.model])
        answer.model = models[0]
        answer.models.extend(dict.fromkeys(models))
        return answer

    async def feel(self, request: mapping_pb2.FeelRequest, deadline: Deadline) -> mapping_pb2.FeelResponse:
        """The emotion of words, of an image, or of music.

        Raises:
            InvalidArgument: There is nothing to feel, or no word in the text.
            NotFound: There is no such blob.
            RequestError: The medium is at fault.
            ResourceExhausted, Unavailable, DeadlineExceeded: A model, the agents or the store is away, slow or full.
        """
        if request.WhichOneof("input") == "text":
            return await self._feeler.text(request.text, deadline)
        if not request.media.key:
            raise InvalidArgument("there is nothing to feel: give media or text", field="media", limit="one of them")
        if request.media.media_type.startswith("image/"):
            return await self._feeler.image(await self._objects.get(request.media.key, deadline=deadline), deadline)
        return await self._feel_music(request.media, deadline)

    async def align(self, request: mapping_pb2.AlignRequest, deadline: Deadline) -> mapping_pb2.AlignResponse:
        """How well an image and a piece of music fit. Raises as `embed` and `feel` do."""
        picture, sound = await asyncio.gather(
            self._objects.get(request.image.key, deadline=deadline),
            self._objects.get(request.audio.key, deadline=deadline),
        )
        seen, felt = await asyncio.gather(
            self._encoder.image(picture, "image"), self._feel_music(request.audio, deadline)
        )
        models = [f"{name}:{version}" for name, version in seen.models]
        shown = [name for name, likely in seen.objects[:_OBJECTS] if likely >= _LIKELY]
        names: list[str] = []
        cosine = None
        if request.audio.media_type != MIDI:
            heard = await self._hear(request.audio, sound, "audio", deadline)
            cosine = aligning.cosine_of(seen.embedding, heard.embedding)
            names = _told(heard)
            models += names_of([heard.model])
        music = _emotion(felt.emotion)
        fit = aligning.align(seen.emotion, music, cosine, seen=shown, heard=names)
        return mapping_pb2.AlignResponse(
            emotion=fit.emotion,
            semantic=fit.semantic,
            overall=fit.overall,
            image_emotion=emotion_pb2.Emotion(
                valence=seen.emotion.valence, arousal=seen.emotion.arousal, dominance=seen.emotion.dominance
            ),
            music_emotion=felt.emotion,
            reasons=[
                mapping_pb2.AlignReason(axis=reason.axis, fit=reason.fit, text=reason.text) for reason in fit.reasons
            ],
            seen=shown,
            heard=names,
            models=models,
        )

    async def _feel_music(self, blob: media_pb2.BlobRef, deadline: Deadline) -> mapping_pb2.FeelResponse:
        request = agents_pb2.DescribeRequest(audio=blob, brief=True)
        answer = await self._rpc.call(AGENTS, "Describe", request, agents_pb2.DescribeResponse, deadline)
        music = answer.description
        points = music.curve.points
        return mapping_pb2.FeelResponse(
            emotion=music.emotion,
            curve=music.curve,
            medium="midi" if blob.media_type == MIDI else "audio",
            valence_uncertainty=sum(point.valence_uncertainty for point in points) / max(1, len(points)),
            arousal_uncertainty=sum(point.arousal_uncertainty for point in points) / max(1, len(points)),
        )

    async def _hear(self, blob: media_pb2.BlobRef, data: bytes, field: str, deadline: Deadline) -> HeardSound:
        if blob.media_type == MIDI or not blob.media_type.startswith(("audio/", "video/")):
            limit = "an image or a recording"
            raise UnsupportedMediaType(f"{field} is {blob.media_type}: it cannot be embedded", field=field, limit=limit)
        return await self._encoder.audio(data, field, deadline)


def _told(heard: HeardSound) -> list[str]:
    """Names of the likeliest tags that are heard, but for the one that it is music."""
    words = tags()
    dimensions = dict.fromkeys(entry.dimension for entry in words.entries)
    found = [pair for dimension in dimensions for pair in words.heard(heard.tags, dimension) if pair[0].name != "music"]
    return [tag.name for tag, _ in sorted(found, key=lambda pair: -pair[1])[:_TAGS]]


def _emotion(message: emotion_pb2.Emotion) -> Emotion:
    def inside(value: float) -> float:
        return max(-1.0, min(1.0, value))

    return Emotion(inside(message.valence), inside(message.arousal), inside(message.dominance))
