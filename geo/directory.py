"""Who answers for what, whatever the boundaries: stations, jurisdictions, aliases, successions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class StationInfo:
    """A station, desk or oversight office."""

    id: str
    kind: str
    name: str
    phone: str | None
    province_code: str | None


@dataclass(frozen=True, slots=True)
class Directory:
    """Who answers for what; the same for every edition."""

    provinces: Mapping[str, str]
    """Code -> name."""
    stations: Mapping[str, StationInfo]
    jurisdictions: Mapping[str, str]
    """Ward code -> id of its station."""
    aliases: Mapping[str, str]
    successions: Mapping[str, str]
    """Former code -> the unit that all of it, or its larger part, went to."""


def load_directory(connection: Connection) -> Directory:
    """Read the provinces, stations, jurisdictions, aliases and successions."""

    def pairs(query: str) -> dict[str, str]:
        return dict(connection.execute(text(query)).all())

    stations = connection.execute(
        text("select id, kind, name, phone, province_code from stations order by id")
    )
    return Directory(
        provinces=pairs("select code, name from provinces"),
        stations={row.id: StationInfo(*row) for row in stations},
        jurisdictions=pairs("select ward_code, station_id from jurisdictions"),
        aliases=pairs("select alias, code from ward_aliases"),
        successions=pairs("""
            select distinct on (old_code) old_code, new_code from ward_successions
             where relation in ('whole', 'part_main') order by old_code, relation desc, new_code
        """),
    )


Stamp = tuple[Any, ...]

STAMP = text("""
    select (select array[count(*), sum(xmin::text::bigint)] from provinces),
           (select array[count(*), sum(xmin::text::bigint)] from stations),
           (select array[count(*), sum(xmin::text::bigint)] from jurisdictions),
           (select array[count(*), sum(xmin::text::bigint)] from ward_aliases),
           (select array[count(*), sum(xmin::text::bigint)] from ward_successions)
""")
"""Which transaction wrote a row last is part of the row."""


def directory_stamp(connection: Connection) -> Stamp:
    """Differs after any change of the directory, at a fraction of the cost of reading it."""
    return tuple(connection.execute(STAMP).one())
