"""What each measure counts, as SQL over stays: the one place, for every scope and the public alike.

`:begins` and `:ends` are the moments of the window. `s` is a row of `case_stays`. What happened in
the window is counted; a limit counts at the moment when it was kept, or passed.
"""

from sqlalchemy import TextClause, text

from api.scorecards.definitions import COUNTS, TIMES

SOON = "interval '3 days'"
IDLE = "interval '7 days'"


def within(moment: str) -> str:
    """Whether something happened in the window."""
    return f"({moment} >= :begins and {moment} < :ends)"


def came(how: str) -> str:
    """Whether the stay began in the window, and so."""
    return f"(s.arrival = '{how}' and {within('s.arrived_at')})"


def ended(*how: str) -> str:
    """Whether the stay ended in the window, and so."""
    words = ", ".join(f"'{each}'" for each in how)
    return f"(s.ended_by in ({words}) and {within('s.ended_at')})"


def judged(limit: str) -> str:
    """Whether a limit was kept or passed in the window, at this station."""
    due, done = f"s.{limit}_due_at", f"s.{limit}_done_at"
    return f"({due} > s.arrived_at and {within(f'least({due}, {done})')})"


def kept(limit: str) -> str:
    """Whether it was kept."""
    return f"({judged(limit)} and s.{limit}_done_at <= s.{limit}_due_at)"


def missed(limit: str) -> str:
    """Whether it passed."""
    return f"({judged(limit)} and s.{limit}_done_at > s.{limit}_due_at)"


def overdue(limit: str) -> str:
    """Whether it had passed, and was still to be kept, when the window ended."""
    return f"(s.{limit}_due_at < :ends and s.{limit}_done_at >= :ends)"


LIMITS = ("read", "handover", "outcome")
HERE_AT_END = "(s.arrived_at < :ends and s.ended_at >= :ends)"
ANSWERED = ended("resolved", "confirmed", "dismissed")
LATER = f"s.read_at + {IDLE}"
RATED = f"(s.satisfied is not null and {within('s.ended_at')})"

CONDITIONS: dict[str, str] = {
    "received": came("received"),
    "recorded": f"({came('received')} and s.recorded)",
    "reopened": came("reopened"),
    "transferred_in": came("transferred"),
    "bounced_in": came("bounced"),
    "rerouted_in": came("rerouted"),
    "acknowledged": within("s.read_at"),
    "answered": ANSWERED,
    "dismissed": ended("dismissed"),
    "closed_unanswered": ended("linked", "withdrawn"),
    "withdrawn": ended("withdrawn"),
    "transferred_out": ended("transferred"),
    "bounced_out": ended("bounced"),
    "rerouted_out": ended("rerouted"),
    "missed": "(" + " or ".join(missed(each) for each in LIMITS) + ")",
    "overdue_at_end": f"({HERE_AT_END} and (" + " or ".join(map(overdue, LIMITS)) + "))",
    "urged": f"exists (select from unnest(s.urged_at) as moment where {within('moment')})",
    "open_at_start": "(s.arrived_at < :begins and s.ended_at >= :begins)",
    "open_at_end": HERE_AT_END,
    "read_judged": judged("read"),
    "read_in_time": kept("read"),
    "handover_judged": judged("handover"),
    "handover_in_time": kept("handover"),
    "outcome_judged": judged("outcome"),
    "outcome_in_time": kept("outcome"),
    "came_back": f"({ANSWERED} and s.reopened_at is not null)",
    "rated": RATED,
    "satisfied": f"({RATED} and s.satisfied)",
    "read_near": f"({kept('read')} and s.read_near)",
    "outcome_near": f"({kept('outcome')} and s.outcome_near)",
    "false_reports": f"({ANSWERED} and s.false_report)",
    "relaxed": f"({within('s.read_at')} and s.relaxed_at is not null)",
    "back_soon": f"({ANSWERED} and s.reopened_at <= s.ended_at + {SOON})",
    "read_before": within(LATER),
    "idle": f"({within(LATER)} and least(s.worked_at, s.ended_at) > {LATER})",
    "asked": within("s.asked_at"),
    "asked_late": f"({within('s.asked_at')} and s.asked_late)",
}
"""By the key of a count (see `definitions`)."""

DURATIONS: dict[str, tuple[str, str]] = {
    "read_hours": (
        "s.read_hours",
        f"{within('s.read_at')} and s.read_hours is not null and not s.read_in_working_hours",
    ),
    "read_working_hours": (
        "s.read_hours",
        f"{within('s.read_at')} and s.read_hours is not null and s.read_in_working_hours",
    ),
    "outcome_hours": ("s.outcome_hours", ANSWERED),
}
"""By the key of a time: the length, and of which stays."""

URGINGS = f"(select count(*) from unnest(s.urged_at) as moment where {within('moment')})"  # noqa: S608
"""A case may be urged on more than once."""


def number_columns() -> str:
    """Every number as a column."""
    columns = [
        f"count(*) filter (where {CONDITIONS[each.key]}) as {each.key}"
        for each in COUNTS
        if each.key != "urged"
    ]
    columns.append(f"coalesce(sum({URGINGS}) filter (where s.urged_at <> '{{}}'), 0) as urged")
    for each in TIMES:
        value, condition = DURATIONS[each.key]
        columns.append(f"count(*) filter (where {condition}) as {each.key}_n")
        columns.append(
            "percentile_cont(array[0.5, 0.9]) within group"
            f" (order by {value}) filter (where {condition}) as {each.key}"
        )
    return ",\n    ".join(columns)


OF_ALL = "station.kind <> 'oversight'"
OF_PROVINCE = "station.province_code = :province and station.kind <> 'oversight'"
OF_STATION = "station.id = :station"
"""Oversight's own card is the only place where complaints about the police count."""


STATIONS, PROVINCES = "(station.id, station.province_code)", "(station.province_code)"
ALL_LEVELS = f"{STATIONS}, {PROVINCES}, ()"
AT_EASE = text("select set_config('jit', 'off', true), set_config('work_mem', '64MB', true)")
"""To compile so many small conditions takes longer than to count, and to sort on disk too."""


def numbers(which: str, levels: str = ALL_LEVELS) -> TextClause:
    """The numbers of the stations that `which` lets through, each station's and together.

    The levels are of the same rows, so what is counted adds up. Served by
    `ix_case_stays_station`; a week more is read, for what is judged a week later.
    """
    return text(f"""
select level, scope, province_code, to_jsonb(found) - 'level' - 'scope' - 'province_code' as numbers
from (
    select case when grouping(station.id) = 0 then 'station'
                when grouping(station.province_code) = 0 then 'province'
                else 'country' end as level,
        coalesce(station.id, station.province_code, 'vn') as scope,
        min(station.province_code) as province_code,
        {number_columns()}
    from stations as station join case_stays as s on s.station_id = station.id
    where s.ended_at >= cast(:begins as timestamptz) - {IDLE} and s.arrived_at < :ends and {which}
    group by grouping sets ({levels})
    having grouping(station.id) = 0 or grouping(station.province_code) = 1
        or station.province_code is not null
) as found
""")  # noqa: S608 - made of our own constants
