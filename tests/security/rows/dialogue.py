"""Dialogue and outcomes, on the officers' side."""

import uuid
from typing import Any

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, case_of, expect

READ_WARDS_CASE, QUESTION_WARDS_CASE = case_of(
    seen=("own officer", "own chief", "informed officer", "informed chief"),
    owned=("own officer", "own chief"),
    done=200,
)
READ_COMPLAINT, MESSAGE_COMPLAINT = case_of(
    seen=("own oversight",), owned=("own oversight",), done=200
)


def refused(status: int) -> Row:
    """For those who own the tip: it is still in its first state, where the step is illegal."""
    return case_of(
        seen=("own officer", "own chief", "informed officer", "informed chief"),
        owned=("own officer", "own chief"),
        done=status,
    )[1]


def refused_complaint(status: int) -> Row:
    """The same of a complaint."""
    return case_of(seen=("own oversight",), owned=("own oversight",), done=status)[1]


ROWS: dict[str, Row] = {
    "list_outcome_reasons": expect((CASE_STAFF, 200), (OTHER_STAFF, 403), otherwise=401),
    "suggest_cases": READ_WARDS_CASE,
    "question_reporter": refused(409),
    "message_reporter": QUESTION_WARDS_CASE,
    "resolve_case": refused(409),
    "dismiss_case": refused(409),
    "link_case": refused(422),
}

COMPLAINTS: dict[str, Row] = {
    "suggest_cases": READ_COMPLAINT,
    "question_reporter": refused_complaint(409),
    "message_reporter": MESSAGE_COMPLAINT,
    "resolve_case": refused_complaint(409),
    "dismiss_case": refused_complaint(409),
    "link_case": refused_complaint(422),
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
