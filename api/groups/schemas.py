"""What crosses the wire about groups: for the station how many belong to one, never who."""

import uuid
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from api.clock import LocalTime
from api.groups.tables import GroupRole, GroupType
from api.reports.schemas import In, StationOut
from api.texts import CleanText, clean, said

Name = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(clean), AfterValidator(said)
]
WardCode = Annotated[CleanText, Field(min_length=1, max_length=100)]

USUAL_HOURS, LONGEST_HOURS = 3 * 24, 30 * 24
MOST_USES = 200


class NothingIn(In):
    """An act that needs no words."""


class GroupIn(In):
    """A group as its station registers it."""

    name: Name
    type: GroupType
    ward_code: WardCode
    leader_office: Name | None = Field(
        None, description="The office whose holder leads, such as a head of hamlet; no names"
    )


class GroupChangeIn(In):
    """What is different from now on. Only an admin moves a group to another ward."""

    name: Name | None = None
    type: GroupType | None = None
    ward_code: WardCode | None = None
    leader_office: Name | None = None
    disbanded: StrictBool | None = Field(None, description="true ends it, false revives it")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise PydanticCustomError("nothing_to_change", "nothing to change")
        return self


class InvitationIn(In):
    """Who may join: a leader, or so many members, within so many hours."""

    role: GroupRole
    uses: Annotated[int, Field(strict=True, ge=1, le=MOST_USES)] = 1
    hours_valid: Annotated[int, Field(strict=True, ge=1, le=LONGEST_HOURS)] = USUAL_HOURS

    @model_validator(mode="after")
    def _one_leader(self) -> Self:
        if self.role == GroupRole.LEADER and self.uses != 1:
            raise PydanticCustomError("leader_uses", "a leader's is used once")
        return self


class CodeIn(In):
    """An invitation's code however it was typed, or the text of its QR code."""

    code: Annotated[CleanText, Field(min_length=1, max_length=64)]


class Out(BaseModel):
    """A read model."""

    model_config = ConfigDict(from_attributes=True)


class GroupTypeOut(Out):
    """A kind of group."""

    code: GroupType
    name: str


class GroupTypesOut(Out):
    """The kinds of groups there are."""

    items: list[GroupTypeOut]
    next_cursor: None = None


class GroupOut(Out):
    """A group as its station and admins see it."""

    id: uuid.UUID
    name: str
    type: GroupType
    type_name: str
    ward_code: str
    station_id: str
    leader_office: str | None
    created_at: LocalTime
    disbanded_at: LocalTime | None
    leaders: int
    members: int = Field(description="Members who are no leaders")


class GroupsOut(Out):
    """A page of groups."""

    items: list[GroupOut]
    next_cursor: str | None


class InvitationOut(Out):
    """An invitation that still lets somebody join."""

    id: uuid.UUID
    role: GroupRole
    uses_left: int
    expires_at: LocalTime
    handover: bool = Field(description="Made by a leader, for whoever takes their place")


class InvitationsOut(Out):
    """A group's open invitations, the newest first."""

    items: list[InvitationOut]
    next_cursor: None = None


class NewInvitationOut(Out):
    """An invitation's code, shown this once."""

    id: uuid.UUID
    code: str
    qr_text: str
    role: GroupRole
    expires_at: LocalTime


class MyGroupOut(Out):
    """A group I belong to."""

    id: uuid.UUID
    name: str
    type: GroupType
    type_name: str
    ward_code: str
    station: StationOut
    role: GroupRole
    joined_at: LocalTime
    disbanded_at: LocalTime | None


class MyGroupsOut(Out):
    """The groups I belong to."""

    items: list[MyGroupOut]
    next_cursor: None = None


class MemberOut(Out):
    """Somebody who belongs to the group. The id says nothing of who it is."""

    id: uuid.UUID
    role: GroupRole
    joined_at: LocalTime
    is_me: bool


class MembersOut(Out):
    """A page of the group's members, in the order in which they joined."""

    leaders: int
    members: int
    items: list[MemberOut]
    next_cursor: str | None


class GroupReportOut(Out):
    """A report filed as the group, and what has become of it."""

    id: uuid.UUID = Field(
        description="The report's own id where it is mine; of another's one that opens nothing"
    )
    state: str
    kind: str
    category: str
    text: str
    received_at: LocalTime = Field(description="Of another's report rounded as for officers")
    observed_at: LocalTime | None
    register_number: str | None
    station: StationOut
    public_text: str | None = Field(description="What the station said of its end")
    closed_at: LocalTime | None
    is_mine: bool


class GroupReportsOut(Out):
    """A page of what was filed as the group, newest first."""

    items: list[GroupReportOut]
    next_cursor: str | None
