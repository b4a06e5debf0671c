"""What time it is: a dependency, so that a test can move it."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from pydantic import PlainSerializer

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


# Dependencies are coroutines even when they await nothing: FastAPI runs plain functions in a
# thread each, which costs more than they do.
async def now_asked() -> dt.datetime:
    """The moment a request came in."""
    return now()


def moment_of(request: Request) -> dt.datetime:
    """`Now` where FastAPI does not solve the dependencies; a test's clock counts here too."""
    clock: Callable[[], dt.datetime] = request.app.dependency_overrides.get(now_asked, now)
    return clock()


Now = Annotated[dt.datetime, Depends(now_asked)]


def local(at: dt.datetime) -> str:
    """RFC 3339 in Vietnam's offset, +07:00: how every answer writes a time."""
    return at.astimezone(VIETNAM).isoformat()


LocalTime = Annotated[dt.datetime, PlainSerializer(local, return_type=str)]


def blurred(at: dt.datetime) -> dt.datetime:
    """Rounded down to 5 minutes, so that officers cannot match a report with who stood there."""
    return at - dt.timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
