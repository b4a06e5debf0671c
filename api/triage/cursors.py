"""Where a page of the queue ended, as only the service can read it.

A cursor stands for itself, so pages go on when the case it was made of is no longer in the queue;
it is sealed, because officers must not learn when exactly a report came in. It belongs to one
station's queue and to one question.
"""

import base64
import datetime as dt
import struct
import uuid

from cryptography.exceptions import InvalidTag

from api.secrets import Keys
from api.triage.filters import QueueFilter
from api.triage.queue import Position

PLAIN = struct.Struct(">hq16s")
"""The urgency, the microseconds since `EPOCH`, the case id; sealed, 56 letters of base64url."""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
LONGEST = 64


def bound_to(station_id: str | None, wanted: QueueFilter) -> list[bytes]:
    """What a cursor is sealed with, so that no other list takes it."""
    return [
        str(station_id).encode(),
        wanted.model_dump_json(include=set(wanted.as_asked())).encode(),
    ]


def seal(keys: Keys, station_id: str | None, wanted: QueueFilter, position: Position) -> str:
    """The cursor of a position in the queue of a station."""
    at = (position.received_at - EPOCH) // MICROSECOND
    plain = PLAIN.pack(position.urgency, at, position.case_id.bytes)
    sealed = keys.queue_cursors.encrypt(plain, bound_to(station_id, wanted))
    return base64.urlsafe_b64encode(sealed).decode()


def unseal(keys: Keys, station_id: str | None, wanted: QueueFilter, cursor: str) -> Position | None:
    """The position again; None for what is no cursor of this list."""
    try:
        sealed = base64.b64decode(cursor, altchars=b"-_", validate=True)
        plain = keys.queue_cursors.decrypt(sealed, bound_to(station_id, wanted))
    except (ValueError, InvalidTag):
        return None
    urgency, at, case_id = PLAIN.unpack(plain)
    return Position(urgency, EPOCH + at * MICROSECOND, uuid.UUID(bytes=case_id))
