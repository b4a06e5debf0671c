"""Where a page of the queue ended, as only the service can read it.

A cursor stands for itself, so pages go on when the case it was made of is no longer in the queue;
it is sealed, because officers must not learn when exactly a report came in.
"""

import base64
import datetime as dt
import struct
import uuid

from cryptography.exceptions import InvalidTag

from api.secrets import Keys
from api.triage.queries import Position

PLAIN = struct.Struct(">hq16s")
"""The urgency, the microseconds since `EPOCH`, the case id; sealed, 56 letters of base64url."""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
LONGEST = 64


def seal(keys: Keys, station_id: str | None, position: Position) -> str:
    """The cursor of a position in the queue of a station."""
    at = (position.received_at - EPOCH) // MICROSECOND
    plain = PLAIN.pack(position.urgency, at, position.case_id.bytes)
    sealed = keys.queue_cursors.encrypt(plain, [str(station_id).encode()])
    return base64.urlsafe_b64encode(sealed).decode()


def unseal(keys: Keys, station_id: str | None, cursor: str) -> Position | None:
    """The position again; None for what is no cursor of this station's queue."""
    try:
        sealed = base64.b64decode(cursor, altchars=b"-_", validate=True)
        plain = keys.queue_cursors.decrypt(sealed, [str(station_id).encode()])
    except (ValueError, InvalidTag):
        return None
    urgency, at, case_id = PLAIN.unpack(plain)
    return Position(urgency, EPOCH + at * MICROSECOND, uuid.UUID(bytes=case_id))
