"""What an import found: faults that refuse it, warnings, repairs, overlaps, gaps and changes."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import shapely

from geo.editions import AreaChange, Diff, summary
from geo.features import Fault, Reading
from geo.topology import SLIVER_M, Gap, Overlap, Topology

NEW_OVERLAP_M2 = 10_000.0
"""A hectare: a larger overlap that the edition before did not have refuses an import."""

MUCH = 0.20
"""A ward whose area changes by more than a fifth is worth a warning."""

SMALL_PART_M2 = 10.0
"""Smaller parts of a ward are what a repair or a drawing program leaves behind."""


@dataclass(slots=True)
class ImportReport:
    """The account of one import. `refused` when there are faults; then nothing was written."""

    source: str
    effective_from: dt.date
    features: int
    crs: str | None
    fields: dict[str, str]
    wards: int
    provinces: int
    vertices: int
    faults: list[Fault]
    warnings: list[str]
    repaired: list[dict[str, Any]]
    small_parts: int
    overlaps: list[Overlap]
    gaps: list[Gap]
    approximate: bool = False
    changes: Diff | None = None
    edition_id: int | None = None
    new_overlaps: list[tuple[str, str]] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether something found forbids the import."""
        return bool(self.faults)

    def as_json(self) -> dict[str, Any]:
        """The report in JSON's own types, as it is stored with the edition and printed."""
        return {
            "edition_id": self.edition_id,
            "refused": self.refused,
            "source": self.source,
            "effective_from": self.effective_from.isoformat(),
            "approximate": self.approximate,
            "crs": self.crs,
            "fields": self.fields,
            "features": self.features,
            "wards": self.wards,
            "provinces": self.provinces,
            "vertices": self.vertices,
            "faults": [asdict(fault) for fault in self.faults],
            "warnings": self.warnings,
            "repaired": self.repaired,
            "overlaps": {
                "count": len(self.overlaps),
                "area_m2": round(sum(overlap.area_m2 for overlap in self.overlaps), 3),
                "slivers": sum(overlap.width_m < SLIVER_M for overlap in self.overlaps),
                "new": [list(pair) for pair in self.new_overlaps],
                "pairs": [overlap_as_json(overlap) for overlap in self.overlaps],
            },
            "gaps": {
                "count": len(self.gaps),
                "area_m2": round(sum(gap.area_m2 for gap in self.gaps), 3),
                "slivers": sum(gap.width_m < SLIVER_M for gap in self.gaps),
                "largest": [gap_as_json(gap) for gap in self.gaps[:20]],
            },
            "small_parts": self.small_parts,
            "changes": None if self.changes is None else diff_as_json(self.changes),
        }


def overlap_as_json(overlap: Overlap) -> dict[str, Any]:
    """An overlap with its place; to a square centimetre, a millimetre and a centimetre."""
    return {
        "codes": list(overlap.codes),
        "area_m2": round(overlap.area_m2, 4),
        "width_m": round(overlap.width_m, 3),
        "at": [round(overlap.lon, 7), round(overlap.lat, 7)],
    }


def gap_as_json(gap: Gap) -> dict[str, Any]:
    """A gap with a place inside it."""
    spot = shapely.point_on_surface(gap.hole)
    return {
        "area_m2": round(gap.area_m2, 4),
        "width_m": round(gap.width_m, 3),
        "at": [round(spot.x, 7), round(spot.y, 7)],
    }


def area_change_as_json(change: AreaChange) -> dict[str, Any]:
    """An area change; `share` is null where there was nothing before."""
    return {
        "code": change.code,
        "name": change.name,
        "before_m2": round(change.before_m2, 1),
        "after_m2": round(change.after_m2, 1),
        "share": round(change.share, 4) if change.before_m2 else None,
    }


def diff_as_json(changes: Diff) -> dict[str, Any]:
    """A diff in JSON's own types."""
    return {
        "against": changes.against,
        "summary": dict(summary(changes)),
        "added": changes.added,
        "vanished": changes.vanished,
        "recoded": changes.recoded,
        "succeeded": changes.succeeded,
        "renamed": {code: list(names) for code, names in changes.renamed.items()},
        "retyped": {code: list(types) for code, types in changes.retyped.items()},
        "area_changes": [area_change_as_json(change) for change in changes.area_changes],
    }


def describe(
    reading: Reading, topology: Topology, *, source: str, effective_from: dt.date
) -> ImportReport:
    """The account of a file by itself, before it is compared with anything."""
    boundaries = [ward.boundary for ward in reading.wards]
    parts = shapely.get_parts(boundaries) if boundaries else []
    # In degrees: a square metre is about 8.5e-11 square degrees anywhere in Viet Nam.
    small = shapely.area(parts) < SMALL_PART_M2 * 8.5e-11 if boundaries else []
    return ImportReport(
        source=source,
        effective_from=effective_from,
        features=reading.features,
        crs=reading.crs,
        fields=dict(reading.fields),
        wards=len(reading.wards),
        provinces=len({ward.province_code for ward in reading.wards}),
        vertices=int(sum(shapely.get_num_coordinates(boundaries))) if boundaries else 0,
        faults=sorted(reading.faults, key=lambda fault: (fault.kind, fault.ward or "")),
        warnings=list(reading.notes),
        repaired=[
            {
                "ward": ward,
                "reason": how.reason,
                "rings": how.rings,
                "area_change_m2": round(how.area_change_m2, 4),
            }
            for ward, how in sorted(reading.repaired.items())
        ],
        small_parts=int(sum(small)),
        overlaps=topology.overlaps,
        gaps=topology.gaps,
    )


def judge_overlaps(
    report: ImportReport,
    before: Sequence[Mapping[str, Any]] | None,
    *,
    aliases: Mapping[str, str],
    accepted: bool,
) -> None:
    """Refuse overlaps above a hectare which the reference edition (`before`) did not have.

    A first real edition (`before` is None) is only warned about, as is a ward whose area changes
    much. A pair known under aliases is the same pair.
    """
    large = [overlap for overlap in report.overlaps if overlap.area_m2 > NEW_OVERLAP_M2]
    known = {
        frozenset(spellings)
        for pair in before or ()
        if pair["area_m2"] > NEW_OVERLAP_M2
        for spellings in spelled(pair["codes"], aliases)
    }
    for overlap in large:
        words = "{} and {} both claim {:,.2f} ha".format(*overlap.codes, overlap.area_m2 / 10_000)
        if before is None:
            report.warnings.append(f"Overlap: {words}.")
        elif frozenset(overlap.codes) not in known:
            report.new_overlaps.append(overlap.codes)
            if accepted:
                report.warnings.append(f"New overlap, accepted: {words}.")
            else:
                report.faults.append(Fault("new-overlap", "/".join(overlap.codes), words))
    if report.changes is not None:
        report.warnings.extend(
            f"The area of {change.code} ({change.name}) changes by {change.share:+.0%}."
            for change in report.changes.area_changes
            if abs(change.share) > MUCH
        )
        if report.changes.vanished:
            report.warnings.append(
                f"{len(report.changes.vanished)} wards of edition {report.changes.against}"
                " are not in this one."
            )


def spelled(codes: Sequence[str], aliases: Mapping[str, str]) -> list[tuple[str, str]]:
    """The pair under every combination of a code and its alias."""
    one, other = ({code, aliases.get(code, code)} for code in codes)
    return [(here, there) for here in one for there in other]
