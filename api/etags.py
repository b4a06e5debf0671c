"""Entity tags of reads that repeat: give one, or say that the client has this answer already."""

import hashlib
from typing import Annotated, Any, TypeVar

from fastapi import Header, Response
from pydantic import AfterValidator, BaseModel

ETAG = {"ETag": {"description": "Names this state of the answer", "schema": {"type": "string"}}}
TAGGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": ETAG},
    304: {"description": "What If-None-Match names still holds", "headers": ETAG},
}
"""What a route whose answers are tagged adds to the OpenAPI document."""

IfNoneMatch = Annotated[
    str | None, Header(description="The ETag of an answer that the client has already")
]


Fact = TypeVar("Fact")


def in_order(named: dict[str, Fact]) -> dict[str, Fact]:
    """Sorted by name."""
    return dict(sorted(named.items()))


InOrder = Annotated[dict[str, Fact], AfterValidator(in_order)]
"""A JSON object that was perhaps kept in between: PostgreSQL forgets the order of its names."""


def tagged(response: Response, body: BaseModel, asked: str | None) -> Any:
    """The body with its tag, or a 304 with the headers of `response` when `asked` names the tag."""
    etag = f'"{hashlib.sha256(body.model_dump_json().encode()).hexdigest()[:16]}"'
    response.headers["ETag"] = etag
    if etag in [each.strip().removeprefix("W/") for each in (asked or "").split(",")]:
        return Response(status_code=304, headers=dict(response.headers))
    return body
