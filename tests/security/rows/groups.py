"""Groups: a station's register, and what their members do (see also `test_groups_*`)."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.accounts.tables import Staff
from api.groups.tables import Group
from tests.factories import keep
from tests.security.people import CHIEFS, REPORTERS, STAFF, Row, expect, public
from tests.security.rows.steps import on_complaint, on_wards_case

ADMIN = ("admin",)


def registry(status: int, *, own: int, admin: int) -> Row:
    """What chiefs of other wards are answered, the chief of the own one, and admins."""
    return expect(
        (STAFF, 403), (CHIEFS, status), (("own chief",), own), (ADMIN, admin), otherwise=401
    )


MEMBERS_ONLY = expect((REPORTERS, 404), otherwise=401)

ROWS: dict[str, Row] = {
    "list_group_types": public(200),
    "create_group": registry(422, own=422, admin=201),
    "list_groups": registry(200, own=200, admin=200),
    "read_group": registry(404, own=200, admin=200),
    "change_group": registry(404, own=200, admin=200),
    "create_invitation": registry(404, own=201, admin=201),
    "list_invitations": registry(404, own=200, admin=200),
    "end_invitation": registry(404, own=404, admin=404),
    "join_group": MEMBERS_ONLY,
    "list_my_groups": expect((REPORTERS, 200), otherwise=401),
    "list_group_reports": MEMBERS_ONLY,
    "list_members": MEMBERS_ONLY,
    "remove_member": MEMBERS_ONLY,
    "hand_group_over": MEMBERS_ONLY,
    "leave_group": MEMBERS_ONLY,
    "confirm_reconciliation": on_wards_case(409),
}

COMPLAINTS: dict[str, Row] = {"confirm_reconciliation": on_complaint(409)}

BODIES: dict[str, Any] = {
    "create_group": {"name": "Tổ tự quản số 5", "type": "to_tu_quan", "ward_code": "00001"},
    "change_group": {"name": "Tổ tự quản số 6"},
    "create_invitation": {"role": "member"},
    "confirm_reconciliation": {"public_text": "Hai bên đã làm lành."},
    "join_group": {"code": "0000-0000-0000-0000"},
}


def own_group(world: Any) -> uuid.UUID:
    """A group of the own ward, to which none of them belongs."""
    station = world.stations["own"]
    with Session(world.engine) as session:
        chief = session.scalar(select(Staff.id).where(Staff.station_id == station))
    group = Group(
        id=uuid.uuid4(), name="Tổ 5", type="to_tu_quan", ward_code="00001", station_id=station,
        created_by=chief,
    )  # fmt: skip
    return keep(world.engine, group).id


def nobodys_id(_: Any) -> uuid.UUID:
    """An id of nothing."""
    return uuid.uuid4()


PATHS: dict[str, Any] = {
    "group_id": own_group,
    "invitation_id": nobodys_id,
    "membership_id": nobodys_id,
}
