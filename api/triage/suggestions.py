"""Which other cases may be reports of the same thing, and why it seems so.

A suggestion is four parts: place, time, category, words, each between 0 and 1 and each explained.
Only an officer links cases. Times are compared as officers see them (rounded for who has no
account), so that a suggestion tells no more than the cases do.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import h3
import numpy as np
from sqlalchemy import ColumnElement, Row, Select, and_, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.reports.tables import Report, State
from api.texts import folded
from api.triage.queries import LISTED, owned_by
from api.triage.schemas import shown
from geo.plane import distances

WINDOW = dt.timedelta(days=14)
"""Cases received within this time before or after."""
CANDIDATES = 100
"""At most so many from before, and so many from after: the nearest in time."""
NEAR_M = 150.0
"""How far from each other two people may stand who tell of one thing."""
WIDEST_M = 1000.0
"""A larger circle of uncertainty is looked round as if it were this large."""
CELL_M = 300.0
"""From the centre of an h3 cell of resolution 9 to that of its neighbour, at the least."""
HALF_LIFE_H = 12.0
"""After so many hours two reports are half as likely to be of one thing."""
VAGUE = frozenset({"other", "suspicious_activity"})
"""Categories that anything may be told under."""
ENOUGH = 0.5
"""Suggestions below this are noise."""
MOST = 10
READ = 1000
"""So many letters of a text are compared: by then it has said what it is about."""

Name = Literal["place", "time", "category", "words"]
WEIGHTS: dict[Name, float] = {"place": 0.35, "time": 0.25, "category": 0.15, "words": 0.25}


@dataclass(frozen=True)
class Part:
    """One part of a score; `facts` fill its sentence, `suggestion.<name>.<how>` in `api.i18n`."""

    name: Name
    score: float
    how: str
    facts: dict[str, int]


@dataclass(frozen=True)
class Suggestion:
    """A case that may be about the same thing."""

    case: Row[Any]
    score: float
    parts: tuple[Part, ...]


def metres_between(one: Row[Any], other: Row[Any]) -> float:
    """How far two located cases are from each other, centre to centre."""
    return float(distances(one.lon, one.lat, np.array([other.lon]), np.array([other.lat]))[0])


def place_part(one: Row[Any], other: Row[Any]) -> Part:
    """Near is within the two circles and a bit; large circles say less."""
    if one.lon is None or other.lon is None:
        same = one.ward_code is not None and one.ward_code == other.ward_code
        return Part("place", 0.3 if same else 0.0, "ward" if same else "unknown", {})
    metres = metres_between(one, other)
    reach = NEAR_M + (one.accuracy_m or 0.0) + (other.accuracy_m or 0.0)
    sharpness = min(1.0, (2 * NEAR_M / reach) ** 0.5)
    near = max(0.0, 1.0 - metres / (2 * reach)) * sharpness
    return Part("place", near, "metres", {"metres": round(metres / 10) * 10})


def time_part(one: Row[Any], other: Row[Any]) -> Part:
    """Observed, or else received: the closer the likelier."""
    apart = abs(happened(one) - happened(other)).total_seconds() / 3600
    score = 0.5 ** (apart / HALF_LIFE_H)
    if apart < 1:
        return Part("time", score, "minutes", {"minutes": round(apart * 60)})
    if apart < 48:
        return Part("time", score, "hours", {"hours": round(apart)})
    return Part("time", score, "days", {"days": round(apart / 24)})


def happened(case: Row[Any]) -> dt.datetime:
    """When the thing was seen, as officers are told it."""
    return shown(case.observed_at or case.received_at, case.reporter_kind)


def category_part(one: Row[Any], other: Row[Any]) -> Part:
    """The same, or one that may be anything."""
    if one.category == other.category:
        return Part("category", 1.0, "same", {})
    if VAGUE & {one.category, other.category}:
        return Part("category", 0.4, "vague", {})
    return Part("category", 0.0, "other", {})


def words_part(one: frozenset[str], other: Row[Any]) -> Part:
    """How many groups of three letters both texts have, marks and capitals aside."""
    score = likeness(one, trigrams(other.text))
    return Part("words", score, "share", {"percent": round(score * 100)})


def trigrams(text: str) -> frozenset[str]:
    """The groups of three letters in the words that a text begins with."""
    words = "".join(c if c.isalnum() else " " for c in folded(text[:READ])).split()
    return frozenset(
        padded[at : at + 3]
        for word in words
        for padded in [f"  {word} "]
        for at in range(len(word) + 1)
    )


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The part of the smaller set that the other has too, damped where it is tiny."""
    smaller = min(len(one), len(other))
    return len(one & other) / max(smaller, 12) if smaller else 0.0


def judge(case: Row[Any], words: frozenset[str], other: Row[Any]) -> Suggestion:
    """How likely another case is about the same thing as a case of these words."""
    parts = (
        place_part(case, other),
        time_part(case, other),
        category_part(case, other),
        words_part(words, other),
    )
    score = sum(WEIGHTS[part.name] * part.score for part in parts)
    return Suggestion(other, round(score, 3), parts)


def ranked(case: Row[Any], others: Sequence[Row[Any]]) -> list[Suggestion]:
    """The best first; those that are noise are left out."""
    words = trigrams(case.text)
    judged = [judge(case, words, other) for other in others]
    good = [each for each in judged if each.score >= ENOUGH]
    return sorted(good, key=lambda each: (-each.score, str(each.case.case_id)))[:MOST]


def nearby(case: Row[Any]) -> ColumnElement[bool]:
    """Cases in the cells round a located one, or of its ward where either has no location."""
    unlocated = and_(Report.cell_r9.is_(None), Report.ward_code == case.ward_code)
    if case.lon is None:
        same_ward: ColumnElement[bool] = Report.ward_code == case.ward_code
        return same_ward
    reach = min(case.accuracy_m or 0.0, WIDEST_M) + WIDEST_M
    middle = h3.latlng_to_cell(case.lat, case.lon, 9)
    cells = [h3.str_to_int(each) for each in h3.grid_disk(middle, round(reach / CELL_M))]
    return or_(Report.cell_r9.in_(cells), unlocated)


def candidates_statement(officer: OfficerIdentity, case: Row[Any]) -> Select[Any]:
    """The station's own cases near a case, the nearest in time; served by `ix_reports_station`.

    Linked and withdrawn ones are left out: work goes on under none of them.
    """
    own = select(*LISTED, literal("owner").label("relation")).where(
        owned_by(officer),
        Report.case_id != case.case_id,
        Report.state.not_in((State.DUPLICATE, State.WITHDRAWN)),
        nearby(case),
    )
    at = case.received_at
    before = own.where(Report.received_at.between(at - WINDOW, at))
    after = own.where(Report.received_at > at, Report.received_at <= at + WINDOW)
    halves = (
        before.order_by(Report.received_at.desc()).limit(CANDIDATES),
        after.order_by(Report.received_at).limit(CANDIDATES),
    )
    return select(union_all(*(half.subquery().select() for half in halves)).subquery())


async def suggestions(
    session: AsyncSession, officer: OfficerIdentity, case: Row[Any]
) -> list[Suggestion]:
    """What else may be about the same thing as a case (a row of `queries.find_case`)."""
    found = await session.execute(candidates_statement(officer, case))
    return await asyncio.to_thread(ranked, case, found.all())
