"""Saved views, the handover of a shift, tiles."""

import uuid

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, expect, public


def case_staff(done: int) -> Row:
    """Only who works on cases."""
    return expect((CASE_STAFF, done), (OTHER_STAFF, 403), otherwise=401)


ROWS: dict[str, Row] = {
    "read_handover": case_staff(200),
    "list_views": case_staff(200),
    "create_view": case_staff(201),
    "replace_view": case_staff(404),
    "delete_view": case_staff(404),
    "describe_ward_tiles": public(200),
    "read_ward_tile": public(200),
    "describe_case_tiles": case_staff(200),
    "read_case_tile": case_staff(200),
}

VIEW = {"name": "Khẩn cấp", "filter": {"urgency": [3]}}

BODIES = {"create_view": VIEW, "replace_view": VIEW}

PATHS = {
    "view_id": lambda _: str(uuid.uuid4()),
    "z": lambda _: "5",
    "x": lambda _: "25",
    "y": lambda _: "14",
}
