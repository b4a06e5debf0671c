"""Which area an answer is about, and keeping what was answered first."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, text

from api.trends.tables import TrendAnswer
from geo.tables import NATIONAL_DESK_ID

COUNTRY = NATIONAL_DESK_ID
SUNDAY = 6

ALONE = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")


@dataclass(frozen=True)
class Area:
    """What an answer is about: the country, a province, or a ward of a province."""

    scope: str
    province_code: str | None
    """None for the country."""

    @property
    def is_ward(self) -> bool:
        """Whether it is one ward."""
        return self.province_code not in {None, self.scope}


@dataclass(frozen=True)
class Key:
    """Which answer it is among those that were given."""

    scope: str
    group: str
    step: str
    edition_id: int
    through: dt.date


def last_sunday(day: dt.date) -> dt.date:
    """The last day of the last whole week that had ended with a day."""
    return day - dt.timedelta((day.weekday() - SUNDAY) % 7)


Kept = tuple[dict[str, Any], dt.datetime]
"""An answer, and when it was made."""


def kept(connection: Connection, key: Key) -> Kept | None:
    """The answer that was given before."""
    row = connection.execute(
        select(TrendAnswer.answer, TrendAnswer.computed_at).where(
            *same_series(key), TrendAnswer.through == key.through
        )
    ).one_or_none()
    return None if row is None else (row.answer, row.computed_at)


def keep(connection: Connection, key: Key, answer: dict[str, Any]) -> Kept:
    """Keep an answer, unless one was kept meanwhile: what was given first is what holds.

    A figure that an earlier answer told stays, whatever became of the reports since.
    """
    connection.execute(ALONE, {"key": f"trend {key.scope} {key.group} {key.step}"})
    if (before := kept(connection, key)) is not None:
        return before
    answer = answer | {"series": as_told(answer["series"], told_before(connection, key))}
    computed_at = connection.scalar(
        insert(TrendAnswer)
        .values(
            scope=key.scope,
            category_group=key.group,
            step=key.step,
            edition_id=key.edition_id,
            through=key.through,
            answer=answer,
        )
        .returning(TrendAnswer.computed_at)
    )
    assert computed_at is not None  # noqa: S101 - a row was written
    return answer, computed_at


def same_series(key: Key) -> tuple[Any, ...]:
    """The answers about the same series, of any day."""
    return (
        TrendAnswer.scope == key.scope,
        TrendAnswer.category_group == key.group,
        TrendAnswer.step == key.step,
        TrendAnswer.edition_id == key.edition_id,
    )


def told_before(connection: Connection, key: Key) -> dict[tuple[str, str], Any]:
    """Figures by their days, of the answers next before and next after this one."""
    day = TrendAnswer.through
    told: dict[tuple[str, str], Any] = {}
    mine = select(TrendAnswer.answer).where(*same_series(key)).limit(1)
    for query in (
        mine.where(day < key.through).order_by(day.desc()),
        mine.where(day > key.through).order_by(day),
    ):
        answer = connection.scalar(query)
        told |= {(row["from"], row["to"]): row for row in (answer or {"series": []})["series"]}
    return told


def as_told(series: list[dict[str, Any]], told: dict[tuple[str, str], Any]) -> list[dict[str, Any]]:
    """Rows with the figures that were told of them before."""
    return [told.get((row["from"], row["to"]), row) for row in series]
