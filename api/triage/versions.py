"""Versions of a case as entity tags: what `ETag` says and `If-Match` asks for."""

import re
from typing import Any

ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"', re.ASCII)
VERSION = {
    "ETag": {"description": "The version of the case, for If-Match", "schema": {"type": "string"}}
}
WITH_VERSION: dict[int | str, dict[str, Any]] = {
    200: {"description": "The case", "headers": VERSION}
}
"""What a route that answers with a case adds to the OpenAPI document."""


def etag(version: int) -> str:
    """A version as an entity tag."""
    return f'"{version}"'


def versions(header: str) -> list[int]:
    """The versions an If-Match or If-None-Match names. `*` names none: say which one you saw.

    A weak tag counts: a proxy that compresses makes every tag weak, and a version is exact.
    """
    return [int(found) for found in ETAG.findall(header)]
