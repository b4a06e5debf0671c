"""Clocks: more time, urging, what is overdue, staff's own inbox."""

from typing import Any

from tests.security.people import CHIEFS, OTHER_STAFF, STAFF, Row, expect

COMMANDERS = ("own commander", "other province's commander")
SEEING = ("own officer", "own chief", "informed officer", "informed chief")
OWNING = ("own officer", "own chief")


def step(*parts: tuple[tuple[str, ...], int]) -> Row:
    """A step of a tip's case; others learn nothing of it."""
    return expect((STAFF, 404), (OTHER_STAFF, 403), (SEEING, 403), *parts, otherwise=401)


def of_complaint(status: int) -> Row:
    """A step of what only oversight knows of."""
    return expect((STAFF, 404), (OTHER_STAFF, 403), (("own oversight",), status), otherwise=401)


ROWS: dict[str, Row] = {
    # A tip has no clock that could be extended: its owner is told so, with a 409.
    "request_extension": step((OWNING, 409)),
    "decide_extension": step((("own officer",), 403), (("own chief",), 409)),
    "answer_urging": step((OWNING, 409)),
    "urge_case": expect(
        (STAFF, 403), (("own commander",), 201), (("other province's commander",), 404),
        otherwise=401,
    ),
    "read_overdue": expect((STAFF, 403), (COMMANDERS, 200), otherwise=401),
    "list_urgings": expect((STAFF, 403), (COMMANDERS, 200), otherwise=401),
    "read_staff_inbox": expect((STAFF, 200), otherwise=401),
    "mark_notices_read": expect((STAFF, 204), otherwise=401),
    "list_delegations": expect((STAFF, 403), (CHIEFS, 200), otherwise=401),
    "create_delegation": expect((STAFF, 403), (CHIEFS, 422), otherwise=401),
    "end_delegation": expect((STAFF, 403), (CHIEFS, 404), otherwise=401),
}  # fmt: skip

COMPLAINTS: dict[str, Row] = {
    "request_extension": of_complaint(409),
    "decide_extension": of_complaint(409),
    "answer_urging": of_complaint(409),
    # What is about the police is no commander's: to them it does not exist.
    "urge_case": expect((STAFF, 403), (COMMANDERS, 404), otherwise=401),
}

BODIES: dict[str, Any] = {
    "request_extension": {"clock": "outcome", "until": "2027-01-31", "reason": "Phức tạp."},
    "decide_extension": {"clock": "outcome", "approved": True, "reason": "Đồng ý."},
    "urge_case": {"text": "Đề nghị báo cáo lý do chậm."},
    "answer_urging": {"text": "Đang chờ kết quả giám định."},
    "mark_notices_read": {"ids": [1]},
    "create_delegation": {"username": "nobody.here", "until": "2026-12-31"},
}

PATHS = {"delegation_id": lambda _: "019aa000-0000-4000-8000-000000000000"}
