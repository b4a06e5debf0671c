"""Keyset pages: a limit, a cursor, and where the next page is."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request

from api import problems
from api.i18n import Language

PAGE, LARGEST_PAGE = 50, 100

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items on a page")]


def next_link(request: Request, cursor: str, parameters: Mapping[str, object]) -> str:
    """A `Link` header naming the next page: the same question, from the cursor on."""
    asked = {name: value for name, value in parameters.items() if value is not None}
    return f'<{request.url.path}?{urlencode(asked | {"cursor": cursor}, doseq=True)}>; rel="next"'


def unknown_cursor(language: Language) -> problems.InvalidRequest:
    """The cursor is none of this list, for this caller."""
    error = {"type": "cursor", "loc": ("query", "cursor")}
    return problems.InvalidRequest(errors=problems.field_errors([error], language))
