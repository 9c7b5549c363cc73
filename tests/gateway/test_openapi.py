"""The OpenAPI document is whole: every reference leads somewhere, every route is there, examples fit their schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.http import request_schemas, schemas
from tests.gateway.conftest import Doors


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


async def test_every_reference_leads_to_a_schema(doors: Doors) -> None:
    document = (await doors.http.get("/openapi.json")).json()
    shapes = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in shapes
    assert "HTTPValidationError" not in shapes


async def test_every_route_is_declared_with_its_problems(doors: Doors) -> None:
    document = (await doors.http.get("/openapi.json")).json()
    assert {(method, path) for path, methods in document["paths"].items() for method in methods} == {
        ("post", "/v1/images/generations"),
        ("post", "/v1/descriptions"),
        ("post", "/v1/emotions"),
        ("post", "/v1/alignments"),
        ("post", "/v1/prompts"),
        ("post", "/v1/embeddings"),
        ("post", "/v1/scores"),
        ("post", "/v1/compositions"),
        ("get", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("delete", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/result"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("get", "/v1/jobs/{job_id}/audio"),
        ("post", "/v1/blobs"),
        ("get", "/v1/blobs/{key}"),
        ("get", "/livez"),
        ("get", "/readyz"),
    }
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith("/v1/"):
                assert "application/problem+json" in operation["responses"]["401"]["content"]


async def test_ranges_and_examples_stand_in_the_document(doors: Doors) -> None:
    shapes = (await doors.http.get("/openapi.json")).json()["components"]["schemas"]
    steps = shapes["ImageGenerationRequest"]["properties"]["steps"]
    assert (steps["minimum"], steps["maximum"], steps["description"]) == (1, 100, "Denoising steps.")
    assert shapes["ImageGenerationRequest"]["additionalProperties"] is False
    assert shapes["ImageGenerationForm"]["properties"]["audio"]["format"] == "binary"
    for example in shapes["Job"]["examples"]:
        schemas.Job.model_validate(example, strict=True)
    for example in shapes["Problem"]["examples"]:
        schemas.Problem.model_validate(example, strict=True)
    for example in shapes["ImageGenerationRequest"]["examples"]:
        request_schemas.ImageGenerationRequest.model_validate(example, strict=True)


async def test_keys_are_declared_where_they_are_asked_for(doors: Doors, locked_doors: Doors) -> None:
    assert "security" not in (await doors.http.get("/openapi.json")).json()
    locked = (await locked_doors.http.get("/openapi.json")).json()
    assert set(locked["components"]["securitySchemes"]) == {"bearer", "key"}
    assert locked["security"] == [{"bearer": []}, {"key": []}]
