"""Stations: one per ward by default, a desk and an oversight office per province, and from files.

Nobody's work is overwritten: what an operator named stays named so.
"""

from sqlalchemy import Connection, text

from geo.tables import NATIONAL_DESK_ID, StationKind

NATIONAL_DESK_NAME = "Trực ban quốc gia"

ALIASES = (("06970", "06978"), ("06978", "06970"))
"""Xã Ba Chẽ carries either code, depending on the source; which is right was never settled."""


def police_of(unit: str) -> str:
    """The police of a unit: "Phường Ba Đình" -> "Công an phường Ba Đình"."""
    return f"Công an {unit[:1].lower()}{unit[1:]}"


def desk_of(province: str) -> str:
    """The name of a province's desk."""
    return f"Trực ban {police_of(province)}"


def oversight_of(province: str) -> str:
    """The name of the office that hears complaints about a province's police."""
    return f"Thanh tra {police_of(province)}"


def provide_defaults(connection: Connection, edition_id: int) -> None:
    """Make the provinces, stations and jurisdictions that an edition's wards still lack."""
    provinces = connection.execute(
        text("""
            select distinct province_code, province_name from wards where edition_id = :edition
        """),
        {"edition": edition_id},
    ).all()
    wards = connection.execute(
        text("""
            select code, name, province_code from wards w
             where edition_id = :edition
               and not exists (select from jurisdictions j where j.ward_code = w.code)
        """),
        {"edition": edition_id},
    ).all()
    insert_provinces(connection, {row.province_code: row.province_name for row in provinces})
    insert_stations(
        connection,
        [(NATIONAL_DESK_ID, StationKind.NATIONAL_DESK, NATIONAL_DESK_NAME, None)]
        + [
            (f"p-{code}", StationKind.PROVINCE_DESK, desk_of(name), code)
            for code, name in provinces
        ]
        + [
            (f"o-{code}", StationKind.OVERSIGHT, oversight_of(name), code)
            for code, name in provinces
        ]
        + [
            (f"w-{code}", StationKind.WARD, police_of(name), province)
            for code, name, province in wards
        ],
    )
    connection.execute(
        text("""
            insert into jurisdictions (ward_code, station_id)
            select code, 'w-' || code from unnest(cast(:codes as text[])) as code
            on conflict do nothing
        """),
        {"codes": [ward.code for ward in wards]},
    )
    connection.execute(
        text(
            "insert into ward_aliases (alias, code) values (:alias, :code) on conflict do nothing"
        ),
        [{"alias": alias, "code": code} for alias, code in ALIASES],
    )


def insert_provinces(connection: Connection, names: dict[str, str]) -> None:
    """Provinces that are not known yet."""
    connection.execute(
        text("""
            insert into provinces (code, name)
            select * from unnest(cast(:codes as text[]), cast(:names as text[]))
            on conflict do nothing
        """),
        {"codes": list(names), "names": list(names.values())},
    )


def insert_stations(
    connection: Connection, stations: list[tuple[str, StationKind, str, str | None]]
) -> None:
    """Stations (id, kind, name, province) that are not there yet."""
    ids, kinds, names, provinces = zip(*stations, strict=True)
    connection.execute(
        text("""
            insert into stations (id, kind, name, province_code)
            select * from unnest(cast(:ids as text[]), cast(:kinds as text[]),
                                 cast(:names as text[]), cast(:provinces as text[]))
            on conflict do nothing
        """),
        {
            "ids": list(ids),
            "kinds": [kind.value for kind in kinds],
            "names": list(names),
            "provinces": list(provinces),
        },
    )


def follow_names(connection: Connection, edition_id: int) -> int:
    """Rename provinces and default stations as an edition that begins to hold names them.

    Only names that are still the default of what the unit was called before are changed; the
    answer is how many stations were.
    """
    connection.execute(
        text("""
            update provinces p set name = w.province_name
              from (select distinct province_code, province_name from wards
                     where edition_id = :edition) w
             where w.province_code = p.code and w.province_name <> p.name
        """),
        {"edition": edition_id},
    )
    rows = connection.execute(
        text("""
            select s.id, s.kind, s.name as named, now.name as unit, array_agg(was.name) as before
              from (select 'w-' || code as id, name from wards where edition_id = :edition
                    union select 'p-' || province_code, province_name from wards
                           where edition_id = :edition
                    union select 'o-' || province_code, province_name from wards
                           where edition_id = :edition) now
              join (select 'w-' || code as id, name from wards
                    union select 'p-' || province_code, province_name from wards
                    union select 'o-' || province_code, province_name from wards) was using (id)
              join stations s using (id)
             where was.name <> now.name
             group by s.id, s.kind, s.name, now.name
        """),
        {"edition": edition_id},
    ).all()
    default = {
        StationKind.WARD: police_of,
        StationKind.PROVINCE_DESK: desk_of,
        StationKind.OVERSIGHT: oversight_of,
    }
    renamed = [
        {"id": row.id, "name": default[StationKind(row.kind)](row.unit)}
        for row in rows
        if row.named in {default[StationKind(row.kind)](unit) for unit in row.before}
        and row.named != default[StationKind(row.kind)](row.unit)
    ]
    if renamed:
        connection.execute(text("update stations set name = :name where id = :id"), renamed)
    return len(renamed)
