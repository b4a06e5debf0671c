"""What of a station's cases is asked for: one question for lists, maps, exports, saved views."""

import datetime as dt
import math
import re
import uuid
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Boolean, ColumnElement, and_, func, literal_column, or_

from api.reports.tables import IS_OPEN, OPEN, Report, ReportKind, State
from api.texts import CleanText, folded
from geo import quads
from geo.routing import Confidence

ANY = "any"
MOST_WORDS = 10
REGISTER_NUMBER = re.compile(r"([0-9]{1,9})(?:/([0-9]{4}))?", re.ASCII)


class Box(NamedTuple):
    """A part of the map, degrees (EPSG:4326)."""

    west: float
    south: float
    east: float
    north: float


def as_box(value: str) -> Box:
    """The box that `minlon,minlat,maxlon,maxlat` says; raises `ValueError` when it is none."""
    box = Box(*map(float, value.split(",")))
    known = all(math.isfinite(each) for each in box)
    if (
        not known
        or not -180 <= box.west < box.east <= 180
        or not -90 <= box.south < box.north <= 90
    ):
        raise ValueError
    return box


def is_box(value: str) -> str:
    """Refuse what is no box."""
    try:
        as_box(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("bbox", "not minlon,minlat,maxlon,maxlat") from None
    return value


def is_few_words(value: str) -> str:
    """Refuse more words than anybody searches for."""
    if len(value.split()) > MOST_WORDS:
        raise PydanticCustomError("words", "too many words", {"most": MOST_WORDS})
    return value


Code = Annotated[CleanText, Field(max_length=64)]
Urgency = Annotated[int, Field(ge=1, le=3)]
BoxText = Annotated[CleanText, Field(max_length=120), AfterValidator(is_box)]
Words = Annotated[CleanText, Field(max_length=200), AfterValidator(is_few_words)]


class QueueFilter(BaseModel):
    """Narrows the queue; values of one name are alternatives, different names must all fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Annotated[
        tuple[State | Literal["any"], ...],
        Field(max_length=8, description="Without it: every open case; `any`: closed ones too"),
    ] = ()
    category: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    urgency: Annotated[tuple[Urgency, ...], Field(max_length=3)] = ()
    kind: Annotated[tuple[ReportKind, ...], Field(max_length=6)] = ()
    confidence: Annotated[tuple[Confidence, ...], Field(max_length=5)] = ()
    bbox: Annotated[
        Annotated[CleanText, Field(max_length=120), AfterValidator(is_box)] | None,
        Field(description="minlon,minlat,maxlon,maxlat"),
    ] = None
    q: Annotated[
        Annotated[CleanText, Field(max_length=200), AfterValidator(is_few_words)] | None,
        Field(
            description="Words that must all occur in the text, the place note or the register"
            " number; capitals and marks do not matter",
        ),
    ] = None
    mine: Annotated[bool, Field(description="Only what I have claimed or what is my task")] = False
    overdue: Annotated[bool, Field(description="Only what is past its deadline")] = False

    @property
    def states(self) -> tuple[State, ...]:
        """The states that fit."""
        if not self.state:
            return OPEN
        return tuple(State) if ANY in self.state else tuple(map(State, self.state))

    @property
    def newest_first(self) -> bool:
        """Whether it looks back: what is closed waits for nobody, so the newest comes first."""
        return not set(self.states) <= set(OPEN)

    def as_asked(self) -> dict[str, Any]:
        """The same question in JSON's own types, without what it does not ask."""
        return self.model_dump(mode="json", exclude_defaults=True, include=set(NAMES))


NAMES = tuple(QueueFilter.model_fields)


def conditions(
    wanted: QueueFilter,
    me: uuid.UUID | ColumnElement[uuid.UUID],
    now: dt.datetime | ColumnElement[dt.datetime],
) -> list[ColumnElement[bool]]:
    """The question as conditions on a case, without whose station's it is.

    A search looks through the cases that the station's index finds: no index of words could be
    used under row-level security.
    """
    found: list[ColumnElement[bool]] = [] if ANY in wanted.state else [has_state(wanted.states)]
    for column, values in (
        (Report.category, wanted.category),
        (Report.urgency, wanted.urgency),
        (Report.kind, wanted.kind),
        (Report.confidence, wanted.confidence),
    ):
        if values:
            found.append(column.in_(values))
    if wanted.mine:
        claimed = and_(Report.claimed_by == me, Report.claimed_until > now)
        found.append(or_(claimed, Report.assignee_id == me))
    if wanted.overdue:
        found.append(Report.due_at < now)
    if wanted.bbox:
        found += inside(as_box(wanted.bbox))
    # The longest word is the rarest: it is looked for first.
    words = sorted(folded(wanted.q or "").split(), key=len, reverse=True)
    found += [has_word(word) for word in words]
    return found


def has_state(states: tuple[State, ...]) -> ColumnElement[bool]:
    """In one of some states; of open ones in the words of the indexes of open cases.

    A plan that serves every question could not tell from parameters that these indexes will do.
    """
    if not set(states) <= set(OPEN):
        return Report.state.in_(states)
    is_open: ColumnElement[bool] = literal_column(f"({IS_OPEN})", Boolean)
    return is_open if set(states) == set(OPEN) else and_(is_open, Report.state.in_(states))


def inside(box: Box) -> list[ColumnElement[bool]]:
    """Located in a box."""
    return [
        func.ST_X(Report.location).between(box.west, box.east),
        func.ST_Y(Report.location).between(box.south, box.north),
    ]


def nearby(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    """What `ix_reports_map` knows of a filter's box, to be said of one station's own cases."""
    if not wanted.bbox:
        return []
    return [or_(*(Report.quad.between(*each) for each in quads.cover(*as_box(wanted.bbox))))]


def has_word(word: str) -> ColumnElement[bool]:
    """A folded word occurs in the case's words, or is its register number."""
    occurs: ColumnElement[bool] = func.strpos(Report.folded, word) > 0
    quoted = REGISTER_NUMBER.fullmatch(word)
    if quoted is None:
        return occurs
    number, year = quoted.groups()
    entered = Report.register_number == int(number)
    if year is not None:
        entered = and_(entered, Report.register_year == int(year))
    return or_(occurs, entered)
