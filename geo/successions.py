"""Which unit went into which: reading the table that ties old ward codes to present ones."""

import csv
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, text

RELATIONS = ("whole", "part_main", "part")
COLUMNS = ("old_code", "old_name", "new_code", "relation")


@dataclass(frozen=True, slots=True)
class Succession:
    """One row: the old unit went (as a `whole`, in `part`, or for the main part) to the new."""

    old_code: str
    new_code: str
    old_name: str
    relation: str


@dataclass(slots=True)
class Successions:
    """A succession file; nothing of it may be stored while there are faults."""

    rows: list[Succession] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_successions(path: Path) -> Successions:
    """Read a CSV with the columns old_code, old_name, new_code and relation (others are ignored).

    Rows of units that had no code (island districts without wards) are passed over.
    """
    found = Successions()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                found.faults.append(f"The file has no column {', '.join(missing)}.")
                return found
            for row in reader:
                take(row, reader.line_num, found)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        found.faults.append(f"The file cannot be read: {problem}")
    return found


def take(row: dict[str, str | None], line: int, found: Successions) -> None:
    """Add a row, or its fault."""
    values = {name: (row[name] or "").strip() for name in COLUMNS}
    if values["relation"] not in RELATIONS:
        found.faults.append(f"line {line}: relation is one of {', '.join(RELATIONS)}")
    elif not values["new_code"]:
        found.faults.append(f"line {line}: has no new_code")
    elif values["old_code"]:
        found.rows.append(
            Succession(
                old_code=values["old_code"],
                new_code=values["new_code"],
                old_name=unicodedata.normalize("NFC", values["old_name"]),
                relation=values["relation"],
            )
        )


def store_successions(connection: Connection, rows: list[Succession]) -> None:
    """Add rows; a pair that is there already is replaced."""
    connection.execute(
        text("""
            insert into ward_successions (old_code, new_code, old_name, relation)
            select distinct on (old_code, new_code) *
              from unnest(cast(:old as text[]), cast(:new as text[]), cast(:names as text[]),
                          cast(:relations as text[]))
                   as given (old_code, new_code, old_name, relation)
            on conflict (old_code, new_code)
            do update set old_name = excluded.old_name, relation = excluded.relation
        """),
        {
            "old": [row.old_code for row in rows],
            "new": [row.new_code for row in rows],
            "names": [row.old_name for row in rows],
            "relations": [row.relation for row in rows],
        },
    )
