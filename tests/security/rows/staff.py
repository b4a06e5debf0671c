"""Accounts of staff: an admin's work, and everybody's own."""

from typing import Any

from tests.factories import unique
from tests.security.people import STAFF, Row, expect

ADMIN = ("admin",)


def for_admins(status: int) -> Row:
    """What an admin is answered; no other role may."""
    return expect((STAFF, 403), (ADMIN, status), otherwise=401)


OWN = expect((STAFF, 403), otherwise=401)
"""Nobody here knows a password: without it not even one's own account can be changed."""

NAMED = (
    "read_staff_member", "move_staff_member", "disable_staff_member", "enable_staff_member",
    "unlock_staff_member", "renew_staff_password", "renew_staff_totp",
    "renew_staff_recovery_codes",
)  # fmt: skip

ROWS: dict[str, Row] = {
    "create_staff_member": for_admins(201),
    "list_staff": for_admins(200),
    **dict.fromkeys(NAMED, for_admins(404)),
    "change_own_password": OWN,
    "renew_own_totp": OWN,
    "renew_own_recovery_codes": OWN,
}

CONFIRMED = {"password": "not the one", "totp": "000000"}


def auditor() -> dict[str, Any]:
    """Somebody new each time."""
    return {"role": "auditor", "username": unique("auditor.")}


BODIES: dict[str, Any] = {
    "create_staff_member": auditor,
    "move_staff_member": {"role": "auditor"},
    "change_own_password": CONFIRMED | {"new_password": "một câu dài 7 chữ"},
    "renew_own_totp": CONFIRMED,
    "renew_own_recovery_codes": CONFIRMED,
}


def nobodys_name(_: Any) -> str:
    """A name that no account has."""
    return "nobody.is.called.so"


PATHS: dict[str, Any] = {"username": nobodys_name}
