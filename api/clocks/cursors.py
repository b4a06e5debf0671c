"""Where a page ended. What is paged here is no secret to its reader, so a cursor only names it."""

import base64
import datetime as dt
import json
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from api.texts import FORBIDDEN


class OverduePlace(NamedTuple):
    """A place in the list of what is overdue."""

    due_at: dt.datetime
    case_id: uuid.UUID
    clock: str


class UrgingPlace(NamedTuple):
    """A place in the list of urgings."""

    created_at: dt.datetime
    id: uuid.UUID


LONGEST = 400


def written(parts: Sequence[Any]) -> str:
    """A cursor."""
    text = json.dumps([str(part) for part in parts], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def parts_of(cursor: str, count: int) -> list[str] | None:
    """What a cursor names; None for what is none."""
    try:
        found = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except ValueError:
        return None
    if not isinstance(found, list) or len(found) != count:
        return None
    return (
        found
        if all(isinstance(part, str) and not FORBIDDEN.search(part) for part in found)
        else None
    )


def overdue_place(cursor: str) -> OverduePlace | None:
    """The place in the list of what is overdue; None for what is no such cursor."""
    parts = parts_of(cursor, 3)
    try:
        return OverduePlace(moment(parts[0]), uuid.UUID(parts[1]), parts[2]) if parts else None
    except ValueError:
        return None


def urging_place(cursor: str) -> UrgingPlace | None:
    """The place in the list of urgings; None for what is no such cursor."""
    parts = parts_of(cursor, 2)
    try:
        return UrgingPlace(moment(parts[0]), uuid.UUID(parts[1])) if parts else None
    except ValueError:
        return None


def notice_place(cursor: str) -> int | None:
    """The place in somebody's inbox; None for what is no such cursor."""
    parts = parts_of(cursor, 1)
    if not parts or not parts[0].isascii() or not parts[0].isdigit() or len(parts[0]) > 18:
        return None
    return int(parts[0])


def moment(text: str) -> dt.datetime:
    """A moment with its offset; raises ValueError."""
    found = dt.datetime.fromisoformat(text)
    if found.tzinfo is None or not 1970 < found.year < 9000:
        raise ValueError("no such moment")
    return found
