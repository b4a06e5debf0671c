"""The live stream, and officers' phones."""

from typing import Any

from tests.factories import unique
from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, expect

ROWS: dict[str, Row] = {
    "stream_queue": expect((CASE_STAFF, 200), (OTHER_STAFF, 403), otherwise=401),
    "register_staff_push": expect((CASE_STAFF, 204), (OTHER_STAFF, 403), otherwise=401),
    "unregister_staff_push": expect((CASE_STAFF, 204), (OTHER_STAFF, 403), otherwise=401),
}


def push() -> dict[str, Any]:
    """Another phone each time."""
    return {"provider": "fcm", "token": unique("ok-"), "language": "vi"}


BODIES = {"register_staff_push": push}

STREAMS = {"stream_queue": "it goes on while somebody listens"}
