"""What is told of a layer, or of the part of it that a ward is."""

import datetime as dt
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from api.hotspots import suppression
from api.hotspots.analysis import METHOD, VERSION
from api.hotspots.counting import changed, different, numbered, ordered
from api.hotspots.layers import Before, Land, Layer, Question
from api.hotspots.ranking import BANDWIDTHS_M, HALF_LIFE, STRENGTH
from api.hotspots.reading import Reports
from api.hotspots.significance import LEVEL, adjusted
from api.hotspots.suppression import K, band, of_cells, rounded, two_digits
from geo import grid
from geo.atlas import Atlas
from geo.grid import Floats, Ints

SENSITIVE_K = 10
BANDS = (("top1", 0.01), ("top5", 0.05), ("top10", 0.10))
SMALL_SCOPE = 1000
"""Of a scope with fewer cells it is not said how many of them hold anything."""
WEEK = 7


def answer_of(
    layer: Layer,
    scope_wards: NDArray[np.int32],
    *,
    excluded: Mapping[str, int],
    before: Before | None,
) -> dict[str, Any]:
    """What is told of the part of a layer that lies in these wards, given what was told before.

    `since` is not told: on which day the band of a cell was last what its count says.
    """
    mine = np.isin(layer.of_cells, scope_wards)
    here = np.isin(layer.wards, scope_wards) & layer.in_window
    q, flags = over_scope(layer, mine)
    bands, since = cell_bands(layer, mine, before)
    features = cell_features(layer, bands, q, flags) + hidden_features(layer, mine, bands)
    features += ward_features(layer, scope_wards, bands, here)
    used = layer.table.counts[mine]
    limit = layer.limit(mine, bands)
    reporters = different(layer.reports.reporters[here])
    large = int(mine.sum()) >= SMALL_SCOPE
    return {
        "resolution": layer.resolution,
        "cells_total": int(mine.sum()),
        "reports_used": suppression.floored(min(used.sum(), limit)),
        "reports_excluded": left_out(excluded),
        "distinct_reporters": in_all(reporters, limit),
        "coverage": {
            "cells_with_reports": round(float((used > 0).mean()), 2) if large else None,
            "places_with_few_reporters": (
                int(rounded(np.sum((used > 0) & (used < K), dtype=float))) if large else None
            ),
        },
        "hotspots_found": sum(each["properties"]["is_hotspot"] for each in features),
        "rising_found": sum(each["properties"]["is_rising"] for each in features),
        "features": features,
        "since": since,
    }


def left_out(excluded: Mapping[str, int]) -> dict[str, int]:
    """How many reports were left out, of provinces only: down to fives, the sensitive to tens."""
    return {
        reason: suppression.floored(count, SENSITIVE_K if reason == "sensitive" else K)
        for reason, count in excluded.items()
    }


def in_all(reporters: int, limit: float) -> str:
    """The band of a scope's reporters."""
    return "0+" if limit < K else band(reporters, at_most=limit) or f"0-{K - 1}"


def over_scope(layer: Layer, mine: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """q over the cells of the scope, and which of them stand out."""
    table = layer.table
    if mine.all():
        return table.q, table.is_hotspot
    q = np.ones(layer.cells)
    q[mine] = adjusted(table.p[mine])
    return q, table.is_hotspot & (q <= LEVEL)


def cell_bands(
    layer: Layer, mine: NDArray[np.bool_], before: Before | None
) -> tuple[dict[int, str], dict[str, int]]:
    """The band of each cell that is told of, and the day it was last what the count says.

    A cell keeps its band, or stays hidden, until five reporters came or went since that day.
    Nothing is told of fewer than five, whatever was told before.
    """
    last, parts = layer.asked.last, layer.land.parts(layer.resolution)
    found: dict[int, str] = {}
    for at in np.flatnonzero(mine & (layer.table.counts >= K)).tolist():
        told = band(int(layer.table.counts[at]), at_most=of_cells(int(parts[at])))
        if told is not None:
            found[at] = told
    names = dict(zip(found, grid.names(layer.table.cells[list(found)]), strict=True))
    since = dict.fromkeys(names.values(), last)
    if before is None or before.resolution != layer.resolution:
        return found, since
    moved: dict[int, Ints] = {}
    present = layer.pairs(last)
    for at, name in names.items():
        day = before.since.get(name, before.last)
        if before.bands.get(name) == found[at] or last - day >= layer.asked.days:
            continue
        if day not in moved:
            moved[day] = suppression.came_and_went(present, layer.pairs(day), layer.cells)
        if moved[day][at] < K:
            since[name] = day
            if (told := before.bands.get(name)) is None:
                del found[at]
            else:
                found[at] = told
    return found, since


def cell_features(
    layer: Layer, bands: Mapping[int, str], q: Floats, flags: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """The cells that are told of, by intensity."""
    table = layer.table
    order = np.lexsort((table.cells, -table.score))
    places = np.flatnonzero(np.isin(order, list(bands)))
    at, rank = order[places], (places + 1) / max(layer.cells, 1)
    ends = [end for _, end in BANDS]
    area_bands = np.array([*(name for name, _ in BANDS), "rest"])[np.searchsorted(ends, rank)]
    highest = table.score.max(initial=0.0)
    around = table.around[at] // K * K
    known = layer.neighbourhoods_open(bands)[at]
    expected = np.where(known, table.expected[at], 0.0)
    low, high = interval(around)
    counts = [bands[each] for each in at.tolist()]
    weeks = last_weeks(layer)
    columns: dict[str, Iterable[Any]] = {
        "cell": grid.names(table.cells[at]),
        "res": repeat(layer.resolution, len(at)),
        "ward_code": layer.codes(at),
        "count_band": counts,
        "reporters_band": counts,
        "intensity": rounded(100 * table.score[at] / (highest or 1.0)).tolist(),
        "area_band": area_bands.tolist(),
        "p": where(known, table.p[at]),
        "q": where(known, q[at]),
        "is_hotspot": flags[at].tolist(),
        "gi_z": where(known, table.gi_z[at]),
        "expected": ratios(expected, expected > 0),
        "ratio": ratios(around, expected),
        "ratio_low": ratios(low, expected),
        "ratio_high": ratios(high, expected),
        "is_rising": table.is_rising[at].tolist(),
        "pattern": table.pattern[at].tolist(),
        "last_seen_week": [weeks.get(each) for each in at.tolist()],
        "suppressed": repeat(False, len(at)),
    }
    return features_of(columns)


def features_of(columns: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Places, given each property of all of them."""
    rows = zip(*columns.values(), strict=True)
    return [feature(dict(zip(columns, row, strict=True))) for row in rows]


def where(known: NDArray[np.bool_], values: Floats) -> list[float | None]:
    """Values to two decimals, as far as they may be known."""
    pairs = zip(known.tolist(), values.tolist(), strict=True)
    return [round(value, 2) if told else None for told, value in pairs]


def ratios(values: Floats | Ints, expected: Floats | NDArray[np.bool_]) -> list[float | None]:
    """Values over what is expected to two digits; nothing where nothing may be expected."""
    pairs = list(zip(values.tolist(), expected.tolist(), strict=True))
    told = {pair: two_digits(pair[0] / pair[1]) if pair[1] else None for pair in set(pairs)}
    return [told[pair] for pair in pairs]


def interval(counts: Ints) -> tuple[Floats, Floats]:
    """The exact 95 % intervals of Poisson counts whose last digit is unknown."""
    different, back = grid.distinct(counts)
    low = np.where(different > 0, gammaincinv(np.maximum(different, 1), 0.025), 0.0)
    return low[back], gammaincinv(different + K, 0.975)[back]


def last_weeks(layer: Layer) -> dict[int, str]:
    """The last day of the last week of the window in which a cell had enough reporters."""
    last, cells = layer.asked.last, layer.cells
    sent = layer.reports.arranged.by(layer.resolution)
    sent = sent.only((sent.days <= last) & (last - sent.days < layer.asked.days))
    ends = sent.latest(last=last, days=WEEK)
    at, week = sent.within(layer.table.cells)[ends], (last - sent.days[ends]) // WEEK
    weeks = -(-layer.asked.days // WEEK)
    here = (week * cells + at)[at >= 0]
    enough = np.bincount(here, minlength=weeks * cells).reshape(weeks, cells) >= K
    days = [dt.date.fromordinal(last - each * WEEK).isoformat() for each in range(weeks)]
    told = np.flatnonzero(enough.any(axis=0))
    first = np.argmax(enough[:, told], axis=0).tolist()
    return {cell: days[each] for cell, each in zip(told.tolist(), first, strict=True)}


def hidden_features(
    layer: Layer, mine: NDArray[np.bool_], bands: Mapping[int, str]
) -> list[dict[str, Any]]:
    """The cells beside those that are told of: too few reporters, or none."""
    shown = np.fromiter(bands, np.int64, len(bands))
    members = layer.land.areas[layer.resolution].neighbourhoods.members
    beside = grid.in_order(members[shown].reshape(-1).astype(np.int64))
    beside = beside[beside < layer.cells]
    at = beside[mine[beside] & ~np.isin(beside, shown)]
    columns: dict[str, Iterable[Any]] = {
        "cell": grid.names(layer.table.cells[at]),
        "res": repeat(layer.resolution, len(at)),
        "ward_code": layer.codes(at),
        "count_band": repeat(None, len(at)),
        "is_hotspot": repeat(False, len(at)),
        "is_rising": repeat(False, len(at)),
        "suppressed": repeat(True, len(at)),
    }
    return features_of(columns)


def ward_features(
    layer: Layer,
    scope_wards: NDArray[np.int32],
    bands: Mapping[int, str],
    here: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """The wards of which no cell is told: how many reported there, as far as that may be told."""
    told = np.unique(layer.of_cells[list(bands)])
    others = np.setdiff1d(scope_wards, told)
    rows = here & np.isin(layer.wards, others)
    reporters = reporters_of_wards(layer.reports, layer.wards, rows, layer.land.atlas)
    cells = layer.land.cells_of_wards
    features = []
    for ward in others.tolist():
        at_most = (suppression.K - 1) * (int(cells[ward]) - 1)
        if (found := band(int(reporters[ward]), at_most=at_most)) is not None:
            features.append(ward_feature(layer.land.atlas, ward, found))
    return features


def reporters_of_wards(
    reports: Reports, wards: NDArray[np.int32], here: NDArray[np.bool_], atlas: Atlas
) -> Ints:
    """How many different reporters each ward has."""
    ward, who = ordered(wards[here].astype(np.int64), numbered(reports.reporters[here]))
    return np.bincount(ward[changed(ward, who)], minlength=len(atlas.codes))


def ward_feature(atlas: Atlas, ward: int, told: str) -> dict[str, Any]:
    """A ward as a whole; its shape is in the tiles of the wards."""
    info = atlas.ward_in(ward)
    return feature(
        {
            "cell": None,
            "res": None,
            "ward_code": info.code,
            "ward_name": info.name,
            "count_band": told,
            "reporters_band": told,
            "is_hotspot": False,
            "is_rising": False,
            "suppressed": False,
        }
    )


def feature(properties: dict[str, Any]) -> dict[str, Any]:
    """A place of a layer; where a cell lies, its name says (see `shapes`)."""
    return {"properties": properties}


def sensitive_answer(
    land: Land,
    reports: Reports,
    wards: NDArray[np.int32],
    asked: Question,
    scope_wards: NDArray[np.int32],
    excluded: Mapping[str, int],
) -> dict[str, Any]:
    """What is told of sensitive reports: wards of a quarter of a year, from ten reporters on."""
    age = asked.last - reports.days
    here = np.isin(wards, scope_wards) & (age >= 0) & (age < asked.days)
    counts = reporters_of_wards(reports, wards, here, land.atlas)
    features = [
        ward_feature(land.atlas, ward, told)
        for ward in np.unique(scope_wards).tolist()
        if (told := band(int(counts[ward]), suppression.SENSITIVE_EDGES)) is not None
    ]
    reporters = different(reports.reporters[here])
    mine = counts[np.unique(scope_wards)]
    limit = suppression.most(mine, mine < SENSITIVE_K, SENSITIVE_K)
    return {
        "resolution": None,
        "cells_total": int(np.isin(land.fine.wards, scope_wards).sum()),
        "reports_used": suppression.floored(min(int(counts.sum()), limit), SENSITIVE_K),
        "reports_excluded": left_out(excluded),
        "distinct_reporters": band(reporters, suppression.SENSITIVE_EDGES, at_most=limit)
        or f"0-{SENSITIVE_K - 1}",
        "coverage": {"cells_with_reports": None, "places_with_few_reporters": None},
        "hotspots_found": 0,
        "rising_found": 0,
        "features": features,
    }


PARAMETERS = {
    "k": K,
    "sensitive_k": SENSITIVE_K,
    "half_life_days": HALF_LIFE,
    "bandwidths_m": list(BANDWIDTHS_M),
    "prior": STRENGTH,
    "level": LEVEL,
    "rounded_down_to": K,
}
METHOD_NAME, METHOD_VERSION = METHOD, VERSION
