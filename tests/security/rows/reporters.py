"""Reports, reporters, devices, places, sessions."""

import uuid
from typing import Any

from api.local.client import uuid7
from tests.factories import unique
from tests.security.people import (
    NOBODY,
    RECEIPTS,
    REPORTERS,
    STAFF,
    Row,
    expect,
    public,
)
from tests.town import IN_SOUTH, report

lon, lat = IN_SOUTH
OWN_REPORT = (
    ("the device", 200), ("the account", 404), ("the receipt", 200), ("another device", 404),
    ("another account", 404), ("another receipt", 404),
)  # fmt: skip

ROWS: dict[str, Row] = {
    "create_device": public(201),
    "create_session": public(401),
    "list_categories": public(200),
    "locate": public(200),
    "locate_many": public(200),
    "open_receipt": public(404),
    "read_config": public(200),
    "read_health": public(200),
    "read_readiness": public(200),
    "read_station": public(200),
    "read_ward": public(200),
    "submit_report": expect((NOBODY, 201), (REPORTERS, 201), otherwise=401),
    "submit_reports": expect((NOBODY, 200), (REPORTERS, 200), otherwise=401),
    "bind_receipt": expect((REPORTERS, 404), otherwise=401),
    "list_my_reports": expect((REPORTERS, 200), (RECEIPTS, 200), otherwise=401),
    "read_my_report": expect(*(((who,), each) for who, each in OWN_REPORT), otherwise=401),
    "delete_my_contact": expect(
        *(((who,), 204 if each == 200 else each) for who, each in OWN_REPORT), otherwise=401
    ),
    "read_inbox": expect((REPORTERS, 200), (RECEIPTS, 200), otherwise=401),
    "confirm_shown": expect((REPORTERS, 204), (RECEIPTS, 204), otherwise=401),
    "register_push": expect((REPORTERS, 204), otherwise=401),
    "unregister_push": expect((REPORTERS, 204), otherwise=401),
    "rotate_device_token": expect((("the device", "another device"), 200), otherwise=401),
    "delete_device": expect((("the device", "another device"), 204), otherwise=401),
    "end_current_session": expect((STAFF, 204), otherwise=401),
}

SEEN = {"list_my_reports": ("the device", "the receipt")}

BODIES: dict[str, Any] = {
    "bind_receipt": {"code": "0000-0000-0000-0000"},
    "confirm_shown": {"ids": [str(uuid.uuid4())]},
    "create_device": {},
    "create_session": {"username": "nobody", "password": "x", "totp": "000000"},
    "locate": {"lon": lon, "lat": lat},
    "locate_many": {"items": [[lon, lat]]},
    "open_receipt": {"code": "0000-0000-0000-0000"},
    "register_push": {"provider": "fcm", "token": unique("ok-")},
    "submit_report": report(IN_SOUTH),
    "submit_reports": {"items": [report(IN_SOUTH) | {"id": str(uuid7())}]},
}
