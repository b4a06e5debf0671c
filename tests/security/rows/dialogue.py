"""Dialogue and outcomes, on the officers' side."""

import uuid
from typing import Any

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, case_of, expect

WARD = ("own officer", "own chief")
SEEING = (*WARD, "informed officer", "informed chief")


def acting(done: int) -> Row:
    """What those who own the tip are answered; in its first state some steps are illegal."""
    return case_of(seen=SEEING, owned=WARD, done=done)[1]


def acting_on_complaint(done: int) -> Row:
    """The same of a complaint."""
    return case_of(seen=("own oversight",), owned=("own oversight",), done=done)[1]


ROWS: dict[str, Row] = {
    "list_outcome_reasons": expect((CASE_STAFF, 200), (OTHER_STAFF, 403), otherwise=401),
    "suggest_cases": case_of(seen=SEEING, owned=WARD, done=200)[0],
    "question_reporter": acting(409),
    "message_reporter": acting(200),
    "resolve_case": acting(409),
    "dismiss_case": acting(409),
    "link_case": acting(422),
}

COMPLAINTS: dict[str, Row] = {
    "suggest_cases": acting_on_complaint(200),
    "question_reporter": acting_on_complaint(409),
    "message_reporter": acting_on_complaint(200),
    "resolve_case": acting_on_complaint(409),
    "dismiss_case": acting_on_complaint(409),
    "link_case": acting_on_complaint(422),
}

OUTCOME = {"reason_code": "noted", "note": "Nội bộ.", "public_text": "Đã ghi nhận."}


def message() -> dict[str, Any]:
    """Another one each time."""
    return {"id": str(uuid.uuid4()), "text": "Chúng tôi đang xem."}


BODIES: dict[str, Any] = {
    "question_reporter": {"text": "Xảy ra lúc mấy giờ?"},
    "message_reporter": message,
    "resolve_case": OUTCOME,
    "dismiss_case": OUTCOME | {"reason_code": "nothing_found"},
    "link_case": {"of": "019aa000-0000-4000-8000-000000000000"},
}
