"""Importing stations from CSV or GeoJSON: their names, phones, places, and whose ward they are.

All or nothing, and idempotent. A blank never erases what is known.
"""

import csv
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from geo import editions
from geo.tables import StationKind

STATION_ID = re.compile(r"[0-9A-Za-z]+(-[0-9A-Za-z]+)*")
SEPARATORS = re.compile(r"[\s,;|]+")


@dataclass(slots=True)
class StationEntry:
    """One row of a file. `wards` are codes as written; what is None stays as it is."""

    row: int
    id: str | None
    wards: list[str]
    name: str | None
    phone: str | None
    lon: float | None
    lat: float | None


@dataclass(slots=True)
class StationsReport:
    """What an import of stations did, or every fault for which it did nothing."""

    faults: list[str] = field(default_factory=list)
    stations: int = 0
    created: int = 0
    wards: int = 0

    @property
    def refused(self) -> bool:
        """Whether there are faults; then nothing was written."""
        return bool(self.faults)


@dataclass(frozen=True, slots=True)
class Places:
    """What the rows are checked against."""

    wards: Mapping[str, str]
    """Ward code -> province code, of every finished edition."""
    aliases: Mapping[str, str]
    kinds: Mapping[str, str]
    """Station id -> kind."""
    jurisdictions: Mapping[str, str]
    """Ward code -> station id."""

    def ward(self, code: str) -> str | None:
        """The ward's code for a code or alias; None when there is no such ward."""
        return code if code in self.wards else self._known(self.aliases.get(code))

    def _known(self, code: str | None) -> str | None:
        return code if code in self.wards else None


def nothing_recorded(_connection: Connection, _report: StationsReport) -> None:
    """Nobody keeps a record."""


def import_stations(
    engine: Engine,
    path: str | Path,
    *,
    recorded: Callable[[Connection, StationsReport], None] = nothing_recorded,
) -> StationsReport:
    """Import a CSV (`id?, ward_code, name, phone, lon, lat`) or GeoJSON file of stations.

    Rows that share an id, or one row with several ward codes, give several wards to one station.
    A row without an id means the station its ward has now. A row without a ward changes a
    station that is there already, a desk for example. The report lists every fault found.
    """
    report = StationsReport()
    entries = read_entries(Path(path), report)
    with engine.begin() as connection:
        places = known_places(connection)
        stations = resolve(entries, places, report)
        if not report.refused:
            report.stations = len(stations)
            report.created = len(stations.keys() - places.kinds.keys())
            report.wards = sum(len(station.wards) for station in stations.values())
            store(connection, stations, places)
            recorded(connection, report)
    return report


def read_entries(path: Path, report: StationsReport) -> list[StationEntry]:
    """The rows of a file; one that cannot be read at all is a fault."""
    try:
        words = path.read_text(encoding="utf-8-sig")
        rows = geojson_rows(words) if words.lstrip()[:1] == "{" else csv_rows(words)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as problem:
        report.faults.append(f"The file cannot be read: {problem}")
        return []
    if not rows:
        report.faults.append("The file holds no stations.")
    return [entry(number, row, report) for number, row in rows]


def csv_rows(words: str) -> list[tuple[int, dict[str, Any]]]:
    """Rows by line number; the separator is what the header uses most."""
    header = words.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(words.splitlines(), delimiter=delimiter)
    names = {(name or "").strip().casefold() for name in reader.fieldnames or ()}
    if not names & {"ward_code", "id"}:
        raise ValueError("there is no column ward_code or id")
    return [
        (reader.line_num, {(k or "").strip().casefold(): v for k, v in row.items()})
        for row in reader
        if any(value for value in row.values())
    ]


def geojson_rows(words: str) -> list[tuple[int, dict[str, Any]]]:
    """The features' properties with the coordinates of their points, numbered from 1."""
    collection = json.loads(words)
    if collection.get("type") != "FeatureCollection":
        raise ValueError("it is no GeoJSON FeatureCollection")
    rows = []
    for number, feature in enumerate(collection.get("features", []), start=1):
        row = {str(k).casefold(): v for k, v in (feature.get("properties") or {}).items()}
        geometry = feature.get("geometry")
        if geometry is not None:
            if geometry.get("type") != "Point":
                raise ValueError(f"feature {number} is no point")
            row["lon"], row["lat"] = geometry["coordinates"][:2]
        rows.append((number, row))
    return rows


def entry(number: int, row: Mapping[str, Any], report: StationsReport) -> StationEntry:
    """A row's facts, cleaned; what is malformed becomes a fault."""
    codes = row.get("ward_code") or row.get("ward_codes") or []
    listed = codes if isinstance(codes, list) else SEPARATORS.split(str(codes).strip())
    found = StationEntry(
        row=number,
        id=cleaned(row.get("id")),
        wards=[str(code) for code in listed if code],
        name=cleaned(row.get("name")),
        phone=cleaned(row.get("phone")),
        lon=number_of(row.get("lon")),
        lat=number_of(row.get("lat")),
    )
    if found.id is not None and not STATION_ID.fullmatch(found.id):
        report.faults.append(f"row {number}: an id is letters, digits and hyphens")
    if found.id is None and not found.wards:
        report.faults.append(f"row {number}: names neither a ward nor a station")
    if (found.lon is None) != (found.lat is None) or not on_globe(found.lon, found.lat):
        report.faults.append(f"row {number}: lon and lat must be degrees, longitude first")
    return found


def cleaned(value: object) -> str | None:
    """Stripped NFC text, or None for a blank."""
    return " ".join(unicodedata.normalize("NFC", str(value or "")).split()) or None


def number_of(value: object) -> float | None:
    """A number; NaN for what should be one and is not, None for a blank."""
    if value is None or not str(value).strip():
        return None
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def on_globe(lon: float | None, lat: float | None) -> bool:
    """Whether a pair is absent or in range; NaN is not."""
    return lon is None or lat is None or (abs(lon) <= 180 and abs(lat) <= 90)


def known_places(connection: Connection) -> Places:
    """Every ward of the finished editions, every station, and who answers for what."""
    wards = connection.execute(
        text("""
            select distinct on (w.code) w.code, w.province_code
              from wards w join boundary_editions e on e.id = w.edition_id
             where e.state <> 'loading'
             order by w.code, e.approximate, e.effective_from desc, e.id desc
        """)
    )
    stations = connection.execute(text("select id, kind from stations"))
    answering = connection.execute(text("select ward_code, station_id from jurisdictions"))
    return Places(
        wards={row.code: row.province_code for row in wards},
        aliases=editions.aliases(connection),
        kinds={row.id: row.kind for row in stations},
        jurisdictions={row.ward_code: row.station_id for row in answering},
    )


@dataclass(slots=True)
class StationChange:
    """What a file says of one station, its rows taken together."""

    wards: list[str] = field(default_factory=list)
    province: str | None = None
    name: str | None = None
    phone: str | None = None
    lon: float | None = None
    lat: float | None = None


def resolve(
    entries: list[StationEntry], places: Places, report: StationsReport
) -> dict[str, StationChange]:
    """The rows by station id, with every fault of codes, ids and contradictions listed."""
    stations: dict[str, StationChange] = {}
    taken: dict[str, str] = {}
    for row in entries:
        wards = []
        for code in row.wards:
            ward = places.ward(code)
            if ward is None:
                report.faults.append(f"row {row.row}: there is no ward {code}")
            else:
                wards.append(ward)
        if row.id is None and not wards:
            continue
        station_id = row.id or places.jurisdictions.get(wards[0], f"w-{wards[0]}")
        station = stations.setdefault(station_id, StationChange())
        for ward in wards:
            if taken.setdefault(ward, station_id) != station_id:
                report.faults.append(f"row {row.row}: ward {ward} is given to two stations")
            elif ward not in station.wards:
                station.wards.append(ward)
        merge(station, row, report)
    for station_id, station in stations.items():
        check_station(station_id, station, places, report)
    return stations


def merge(station: StationChange, row: StationEntry, report: StationsReport) -> None:
    """Add a row's facts to its station; two rows may not say different things."""
    for fact in ("name", "phone", "lon", "lat"):
        said = getattr(row, fact)
        if said is None:
            continue
        if getattr(station, fact) not in {None, said}:
            report.faults.append(f"row {row.row}: another row gives this station another {fact}")
        setattr(station, fact, said)


def check_station(
    station_id: str, station: StationChange, places: Places, report: StationsReport
) -> None:
    """A station that answers for wards is a ward station of one province, and has a name."""
    kind = places.kinds.get(station_id)
    if kind is None and not station.wards:
        report.faults.append(f"station {station_id}: is not known and names no ward")
    if kind is None and station.name is None:
        report.faults.append(f"station {station_id}: is new and has no name")
    if kind not in {None, StationKind.WARD.value} and station.wards:
        report.faults.append(f"station {station_id}: a {kind} answers for no ward")
    provinces = {places.wards[ward] for ward in station.wards}
    if len(provinces) > 1:
        report.faults.append(f"station {station_id}: its wards lie in several provinces")
    station.province = min(provinces, default=None)


def store(connection: Connection, stations: Mapping[str, StationChange], places: Places) -> None:
    """Write stations and jurisdictions."""
    facts = [
        {
            "id": station_id,
            "name": station.name,
            "phone": station.phone,
            "province": station.province,
            "lon": station.lon,
            "lat": station.lat,
        }
        for station_id, station in stations.items()
    ]
    created = [fact for fact in facts if fact["id"] not in places.kinds]
    if created:
        connection.execute(
            text("""
                insert into stations (id, kind, name, province_code)
                values (:id, 'ward', :name, :province)
            """),
            created,
        )
    connection.execute(
        text("""
            update stations
               set name = coalesce(:name, name), phone = coalesce(:phone, phone),
                   province_code = coalesce(:province, province_code),
                   location = coalesce(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), location)
             where id = :id
        """),
        facts,
    )
    given = [
        {"ward": ward, "station": station_id}
        for station_id, station in stations.items()
        for ward in station.wards
    ]
    if given:
        connection.execute(
            text("""
                insert into jurisdictions (ward_code, station_id) values (:ward, :station)
                on conflict (ward_code) do update set station_id = excluded.station_id
            """),
            given,
        )
