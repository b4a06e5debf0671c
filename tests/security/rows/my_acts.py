"""What reporters do about their reports."""

import uuid
from typing import Any

from tests.security.people import RECEIPTS, REPORTERS, Row, expect

OWN = ("the device", "the receipt")


def own(done: int) -> Row:
    """For who sent the report, by whichever way; for other reporters there is none."""
    return expect((REPORTERS, 404), (RECEIPTS, 404), (OWN, done), otherwise=401)


ROWS: dict[str, Row] = {
    "list_my_messages": own(200),
    "send_my_message": own(201),
    "withdraw_my_report": own(200),
    "reopen_my_report": own(409),
    "rate_my_report": own(409),
}


def message() -> dict[str, Any]:
    """Another one each time."""
    return {"id": str(uuid.uuid4()), "text": "Họ vừa quay lại."}


BODIES: dict[str, Any] = {
    "send_my_message": message,
    "reopen_my_report": {"text": "Vẫn còn."},
    "rate_my_report": {"satisfied": True},
}
