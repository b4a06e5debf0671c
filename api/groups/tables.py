"""Groups, their members and the invitations to them. A member is a keyed hash, never a name."""

import datetime as dt
import uuid
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import Staff
from api.tables import Base
from geo.tables import Station, one_of


class GroupType(StrEnum):
    """The kinds of groups there are; their names are in `api.groups.types`."""

    TO_TU_QUAN = "to_tu_quan"
    LUC_LUONG_CO_SO = "luc_luong_co_so"
    TO_LIEN_GIA = "to_lien_gia"
    TO_HOA_GIAI = "to_hoa_giai"
    KHU_DAN_CU = "khu_dan_cu"
    DONG_HO = "dong_ho"
    CO_QUAN_DOANH_NGHIEP = "co_quan_doanh_nghiep"
    OTHER = "other"


class GroupRole(StrEnum):
    """What a member may do in a group."""

    LEADER = "leader"
    MEMBER = "member"


class Group(Base):
    """A self-managed group of a ward, as its station has registered it. Never deleted."""

    __tablename__ = "groups"
    __table_args__ = (one_of("type", GroupType), Index("ix_groups_station", "station_id", "id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str]
    type: Mapped[str]
    ward_code: Mapped[str]
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    """The ward's station when the group was registered or moved: it looks after the group."""
    leader_office: Mapped[str | None]
    """The office whose holder leads, such as the head of a residential area; no person's name."""
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    disbanded_at: Mapped[dt.datetime | None]


class Invitation(Base):
    """A code that lets whoever holds it join a group; only its hash is kept."""

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("role", GroupRole),
        CheckConstraint("uses_left >= 0", name="uses_left"),
        CheckConstraint("(created_by is null) = (replaces is not null)", name="maker"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Group.id), index=True)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    role: Mapped[str]
    uses_left: Mapped[int] = mapped_column(SmallInteger)
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id))
    replaces: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("memberships.id", use_alter=True))
    """The membership of the leader who hands over: whoever joins by this takes their place."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Membership(Base):
    """Somebody's part in a group, from joining to leaving.

    `member_key` is the same keyed hash as a report's `reporter_key`: what links the two, and all
    that is known of a member.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        one_of("role", GroupRole),
        Index(
            "ix_memberships_present",
            "member_key",
            "group_id",
            unique=True,
            postgresql_where=sql("left_at is null"),
        ),
        Index("ix_memberships_group", "group_id", postgresql_where=sql("left_at is null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Group.id))
    member_key: Mapped[bytes]
    role: Mapped[str]
    invitation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Invitation.id))
    """The invitation that gave them their present role."""
    joined_at: Mapped[dt.datetime]
    left_at: Mapped[dt.datetime | None]
