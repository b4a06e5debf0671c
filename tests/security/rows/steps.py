"""The steps that officers take, on a case that was just received."""

from typing import Any

from tests.security.people import Row, case_of

SEEN_BY = ("own officer", "own chief", "informed officer", "informed chief")
OWNED_BY = ("own officer", "own chief")


def on_wards_case(done: int) -> Row:
    """A step on what the ward owns: those who own it get this far."""
    return case_of(seen=SEEN_BY, owned=OWNED_BY, done=done)[1]


def on_complaint(done: int) -> Row:
    """A step on what oversight owns, which exists for nobody else."""
    return case_of(seen=("own oversight",), owned=("own oversight",), done=done)[1]


ROWS: dict[str, Row] = {
    "acknowledge_case": on_wards_case(200),
    "claim_case": on_wards_case(200),
    "release_case": on_wards_case(409),
    "assign_case": on_wards_case(200),
    "progress_case": on_wards_case(409),
    "transfer_case": on_wards_case(200),
    "bounce_case": on_wards_case(409),
    "correct_case": on_wards_case(200),
}

COMPLAINTS: dict[str, Row] = {
    "acknowledge_case": on_complaint(200),
    "claim_case": on_complaint(200),
    "release_case": on_complaint(409),
    "assign_case": on_complaint(200),
    "progress_case": on_complaint(409),
    "transfer_case": on_complaint(409),
    "bounce_case": on_complaint(409),
    "correct_case": on_complaint(200),
}

BODIES: dict[str, Any] = {
    "assign_case": {"username": None},
    "progress_case": {},
    "transfer_case": {"station_id": "vn", "reason": "Không thuộc địa bàn."},
    "bounce_case": {"reason": "Không thuộc địa bàn."},
    "correct_case": {"urgency": 3, "reason": "Có người bị đe dọa."},
}
