"""Provinces, wards and their boundaries through time, stations, and who answers for what."""

import datetime as dt
from enum import StrEnum
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from geo.crs import WEB_MERCATOR, WGS84

OUTLINE = Geometry("GEOMETRY", spatial_index=False)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The tables of `geo`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        str: Text,
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class WardType(StrEnum):
    """Kinds of commune-level unit since 2025-07-01; "ward" in the code means any of them."""

    WARD = "ward"
    COMMUNE = "commune"
    SPECIAL_ZONE = "special_zone"


class StationKind(StrEnum):
    """What a station answers for."""

    WARD = "ward"
    PROVINCE_DESK = "province_desk"
    NATIONAL_DESK = "national_desk"
    OVERSIGHT = "oversight"


NATIONAL_DESK_ID = "vn"


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that a text column holds a member of `values`: adding one is a plain migration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


class Province(Base):
    """One of the first-tier units (34 since 2025-07-01)."""

    __tablename__ = "provinces"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class EditionState(StrEnum):
    """`loading` rows belong to an import that has not finished, or died; nothing reads them."""

    LOADING = "loading"
    IMPORTED = "imported"
    ACTIVATED = "activated"


class BoundaryEdition(Base):
    """A set of ward boundaries in force from 00:00 +07:00 of `effective_from`.

    Of the activated editions, the one with the latest `effective_from` not in the future holds;
    of two with the same date, the one with the larger `activation`.
    """

    __tablename__ = "boundary_editions"
    __table_args__ = (one_of("state", EditionState),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    effective_from: Mapped[dt.date]
    approximate: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str]
    source: Mapped[str]
    attribution: Mapped[str] = mapped_column(server_default="")
    imported_at: Mapped[dt.datetime]
    activated_at: Mapped[dt.datetime | None]
    activation: Mapped[int | None] = mapped_column(unique=True)
    """Order of activation, 1 upwards; null until activated."""
    report: Mapped[dict[str, Any]]
    """What the import found: counts, repairs, overlaps, gaps, codes, area changes."""


class Ward(Base):
    """A commune-level unit as one edition draws it."""

    __tablename__ = "wards"
    __table_args__ = (one_of("type", WardType),)

    edition_id: Mapped[int] = mapped_column(
        ForeignKey(BoundaryEdition.id, ondelete="CASCADE"), primary_key=True
    )
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    type: Mapped[str]
    province_code: Mapped[str]
    province_name: Mapped[str]
    boundary: Mapped[WKBElement] = mapped_column(
        Geometry("MULTIPOLYGON", srid=WGS84, spatial_index=False)
    )
    area_m2: Mapped[float]

    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - SQLAlchemy's own declaration


Index("ix_wards_boundary", Ward.boundary, postgresql_using="gist")


class WardOutline(Base):
    """A ward as maps draw it: where it is, in EPSG:3857, and for each zoom a shape in its steps.

    A shape that vanishes at a zoom is null there (see `geo.outlines`).
    """

    __tablename__ = "ward_outlines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["edition_id", "code"], [Ward.edition_id, Ward.code], ondelete="CASCADE"
        ),
    )

    edition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)
    bounds: Mapped[WKBElement] = mapped_column(
        Geometry("POLYGON", srid=WEB_MERCATOR, spatial_index=False)
    )
    zoom_4: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_5: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_6: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_7: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_8: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_9: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_10: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_11: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_12: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_13: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_14: Mapped[WKBElement | None] = mapped_column(OUTLINE)
    zoom_15: Mapped[WKBElement | None] = mapped_column(OUTLINE)


Index("ix_ward_outlines_bounds", WardOutline.bounds, postgresql_using="gist")


class Gap(Base):
    """An enclosed hole of an edition's coverage: land that no ward claims."""

    __tablename__ = "boundary_gaps"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    edition_id: Mapped[int] = mapped_column(
        ForeignKey(BoundaryEdition.id, ondelete="CASCADE"), index=True
    )
    hole: Mapped[WKBElement] = mapped_column(Geometry("POLYGON", srid=WGS84, spatial_index=False))


class WardAlias(Base):
    """Another code under which a ward is known (a source's own, or a misprint that stuck)."""

    __tablename__ = "ward_aliases"

    alias: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]


class WardSuccession(Base):
    """Which unit went into which: `old_code` before, `new_code` after.

    `relation` is `whole` (all of it), `part_main` (its larger part) or `part`.
    """

    __tablename__ = "ward_successions"
    __table_args__ = (CheckConstraint("relation in ('whole', 'part_main', 'part')", "relation"),)

    old_code: Mapped[str] = mapped_column(primary_key=True)
    new_code: Mapped[str] = mapped_column(primary_key=True, index=True)
    old_name: Mapped[str]
    relation: Mapped[str]


class Station(Base):
    """A police station or desk that can own a case. Ids survive boundary editions.

    `w-<ward code>`, `p-<province code>` (desk), `o-<province code>` (oversight), `vn`.
    """

    __tablename__ = "stations"
    __table_args__ = (one_of("kind", StationKind),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    phone: Mapped[str | None]
    province_code: Mapped[str | None] = mapped_column(index=True)
    location: Mapped[WKBElement | None] = mapped_column(
        Geometry("POINT", srid=WGS84, spatial_index=False)
    )


class Jurisdiction(Base):
    """Which ward station answers for a ward code."""

    __tablename__ = "jurisdictions"

    ward_code: Mapped[str] = mapped_column(primary_key=True)
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.id), index=True)
