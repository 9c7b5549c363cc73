"""The OpenAPI document: FastAPI's own, with what it cannot see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from gateway.http import alignment_schemas, music_schemas, request_schemas, schemas
from gateway.http.answers import problems

_REFERENCE = "#/components/schemas/{model}"
# Declared by hand, because their bodies are read as they stream in or their route is not FastAPI's.
_MODELS = (
    request_schemas.ImageGenerationForm,
    request_schemas.ImageGenerationRequest,
    request_schemas.DescriptionForm,
    request_schemas.DescriptionRequest,
    request_schemas.EmotionForm,
    request_schemas.PromptRequest,
    request_schemas.PromptForm,
    request_schemas.EmotionRequest,
    alignment_schemas.AlignmentForm,
    alignment_schemas.AlignmentRequest,
    request_schemas.EmbeddingsRequest,
    music_schemas.ScoreForm,
    music_schemas.ScoreRequest,
    music_schemas.CompositionForm,
    music_schemas.CompositionRequest,
    schemas.CompositionResult,
    schemas.ScoreResult,
    schemas.Job,
    schemas.Embeddings,
    schemas.PaintResult,
    schemas.Music,
    schemas.Problem,
)


def install(app: FastAPI, *, guarded: bool) -> None:
    """Gives the application its document, made once.

    Args:
        app: With all routes.
        guarded: Whether API keys are asked for.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app, guarded=guarded)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _build(app: FastAPI, *, guarded: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    _, definitions = models_json_schema([(model, "validation") for model in _MODELS], ref_template=_REFERENCE)
    components = document.setdefault("components", {})
    shapes = components.setdefault("schemas", {})
    for name, shape in definitions["$defs"].items():
        # FastAPI leaves out what is null in an example.
        shapes[name] = shape
    # FastAPI's own error shape is never sent: every error is a problem.
    for unused in ("HTTPValidationError", "ValidationError"):
        shapes.pop(unused, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = problems(422)[422]
    document["paths"]["/v1/embeddings"] = {"post": _embeddings_operation()}
    if guarded:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document["security"] = [{"bearer": []}, {"key": []}]
    return document


def _embeddings_operation() -> dict[str, Any]:
    def shape(model: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model)}}}

    errors = {str(status): answer for status, answer in problems(400, 401, 404, 413, 415, 422, 429, 503, 504).items()}
    return {
        "tags": ["embed"],
        "summary": "Embed Texts",
        "description": "Texts, images and recordings into one space, in the OpenAI shape.",
        "operationId": "embed_texts_v1_embeddings_post",
        "requestBody": {"required": True, "content": shape("EmbeddingsRequest")},
        "responses": {"200": {"description": "The vectors", "content": shape("Embeddings")}} | errors,
    }
