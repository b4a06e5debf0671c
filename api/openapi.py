"""The OpenAPI document: FastAPI's own, made valid and kind to client generators."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import PROBLEM_JSON, ProblemDocument
from api.reports.schemas import BatchItemIn

DESCRIPTION = """TinBáo takes security and order tips from residents and self-managed groups in
Vietnam, routes each to the police station responsible for its place, and brings acknowledgements
back. If anyone is in danger, call 113."""

REF = "#/components/schemas/{model}"


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="TinBáo",
            version="1.0",
            openapi_version="3.1.0",
            description=DESCRIPTION,
            routes=app.routes,
            servers=[{"url": "/"}],
        )
        schemas = made["components"]["schemas"]
        for model in (ProblemDocument, BatchItemIn):
            described = model.model_json_schema(ref_template=REF)
            schemas.update(described.pop("$defs", {}))
            schemas[model.__name__] = described
        # The service judges the items one by one; a client generator wants to know what they are.
        schemas["BatchIn"]["properties"]["items"]["items"] = {
            "$ref": REF.format(model="BatchItemIn")
        }
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document_refusals(made)
        app.openapi_schema = tidy(made)
    return app.openapi_schema


def document_refusals(document: dict[str, Any]) -> None:
    """Every operation may be refused or fail in the ways that stand before all routes."""
    content = {PROBLEM_JSON: {"schema": {"$ref": REF.format(model="ProblemDocument")}}}
    always = {"400": "malformed-request", "405": "method-not-allowed", "408": "request-timeout",
              "413": "body-too-large", "415": "unsupported-media-type", "422": "invalid-request",
              "500": "internal-error", "503": "service-unavailable"}  # fmt: skip
    for path in document["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            for status, slug in always.items():
                responses.setdefault(status, {"description": slug, "content": content})
            if "422" in responses:
                described = responses["422"]
                if PROBLEM_JSON not in described.get("content", {}):
                    responses["422"] = {"description": "invalid-request", "content": content}


def tidy(node: Any) -> Any:
    """`X | null` as a list of types, which Kotlin and Swift generators understand."""
    if isinstance(node, dict):
        choices = node.get("anyOf")
        if isinstance(choices, list) and len(choices) == 2 and {"type": "null"} in choices:
            other = next(each for each in choices if each != {"type": "null"})
            if isinstance(other.get("type"), str):
                node.pop("anyOf")
                node.update({**other, "type": [other["type"], "null"]})
                if "enum" in other:
                    node["enum"] = [*other["enum"], None]
        if node.get("type") == "number":
            node.setdefault("format", "double")
        for value in node.values():
            tidy(value)
    elif isinstance(node, list):
        for value in node:
            tidy(value)
    return node
