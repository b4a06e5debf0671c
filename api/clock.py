"""What time it is: a dependency, so that a test can move it."""

import datetime as dt
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends
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


Now = Annotated[dt.datetime, Depends(now_asked)]


def local(at: dt.datetime) -> str:
    """RFC 3339 in Vietnam's offset, +07:00: how every answer writes a time."""
    return at.astimezone(VIETNAM).isoformat()


LocalTime = Annotated[dt.datetime, PlainSerializer(local, return_type=str)]


def blurred(at: dt.datetime) -> dt.datetime:
    """Rounded down to 5 minutes, so that officers cannot match a report with who stood there."""
    return at - dt.timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
