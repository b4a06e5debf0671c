"""docs/scorecards.md, made from the definitions: `python -m api.scorecards.page` writes it out."""

import sys
from collections.abc import Iterator

from api.scorecards.definitions import (
    CAVEAT,
    COUNTS,
    RATES,
    SOURCE,
    TIMES,
    TREATMENT,
    VERSION,
    WINDOW,
    Rate,
)

HEAD = """\
# Reading a scorecard

This page is made from the definitions themselves (`api/scorecards/definitions.py`): `python -m
api.scorecards.page > docs/scorecards.md`. The service publishes them, in Vietnamese and English,
at `GET /v1/scorecards/definitions`.

{caveat}

## Asking for one

`GET /v1/scorecards?scope=&window=`

| who | `scope` |
| --- | --- |
| province commander | the province's code; one of its stations, by its id or a ward's code |
| station chief | the own station, by its id or a ward's code |
| oversight | the own office, the only card on which complaints about the police count |
| chief of the national desk | `vn`: the provinces and the national desk |

`window` is `7d`, `28d`, `90d` (whole days, up to yesterday), a month (`2026-10`) or a quarter
(`2026-Q3`) that is over. Anything else, and any other scope, does not exist. Every read is in the
audit trail.

A chief's card is the line that the commander reads, to the last digit. Stations add up to their
province and provinces to the country, because one statement counts them all
(`api/scorecards/measures.py`). `GET /v1/public/summary` takes the province's numbers of the
latest settled month, rounded: a month is settled on the 16th of the next one, when its answers
can no longer be reopened. No rate of fewer than 20 is published.

`GET /v1/scorecards/cases?scope=&window=&measure=` lists the cases behind a count, to the station
that has them. A commander has the numbers, and the list of what is overdue (`GET /v1/overdue`).

## What to look at

1. `counts`: what came, what went, what is left. They balance: open at the start + received +
   reopened + transferred, bounced and rerouted in = answered + closed without an answer +
   transferred, bounced and rerouted out + open at the end.
2. `rates`: a numerator, a denominator, the rate and its 95 % interval. Out of fewer than five
   there is no rate.
3. `judgement`: `within_chance` is the normal answer. `better` or `worse` says that the station
   lies where chance puts one in five hundred: ask why, there is an answer to be found. Lines are
   in the order of their codes, never of a rate.
4. `signals`: the same (`more`, `fewer`), worded as a question. They find numbers that look good
   for the wrong reason; nobody is accused.
5. `times`: the median, and what nine in ten did not exceed.

`complete` says whether everything that happened in the window is counted (the history is read
every five minutes); `kept` whether a night wrote the numbers down. The rolling windows, and the
months and quarters of the year that are settled, are written down at night: all day long
everybody reads one number, and the country's card is at hand at once. `overdue_now` alone is of
this moment.

## What chance explains

A station is compared with all stations of its province (a province with all provinces). The
limits are those of a funnel plot (Spiegelhalter, *Statistics in Medicine* 24, 2005): round the
rate of all together, narrow for large stations and wide for small ones. The tails are of the
exact binomial distribution, so a station with eight reports is flagged no more often than one
with eight thousand. Stations are never quite alike: where they differ more than chance makes
them, all limits are widened by the variance of their z-scores, of which the outermost tenth on
either side is pulled in first (and the result set right for that: divided by 0.6786). `peers`
shows the rate, that factor and how many stations there are. Fewer than ten do not tell how much
they differ: then the limits are those of chance alone.

Only the 99.8 % limits flag; `limits_95` is for drawing. With 130 stations and 13 rates each,
three or four lines are flagged by chance alone: one flag is a reason to look, the same one in
three windows a reason to ask.

## Whose lateness it is

A case is at one station at a time; that is a stay. A limit is judged where the case was when it
was kept, or passed:

- one that left in time is not judged there; the next station has its own limit from the arrival
  on (`takeover`);
- one that left late was late where it was; it is not held against the next station, which has it
  as overdue until it is done;
- a case that is closed without an answer (linked, withdrawn) before its limit is not judged;
- while the reporter is asked, nothing is due.

A limit counts on the day on which it was kept or passed, so past days stay as they are. What
looks back can still change for two weeks: an answer counts as reopened, and a rating counts, on
the day of the answer.

## What is withheld

Opinions and withdrawals are rounded to fives, and not shown below five. Where one station's could
be found by subtracting the others from the province, the next smallest is withheld too. Linked
duplicates and withdrawals are counted together, or the balance would give the withdrawals away.
No drill-down leads to opinions, nor to withdrawals alone; a chief sees the state of the own cases
anyway.

"""

TABLES = """\
## Definitions, version {version}

Window: {window} Source: {source}

For every measure:

"""


def page() -> str:
    """The whole page."""
    head = HEAD.format(caveat=CAVEAT.en)
    tables = TABLES.format(version=VERSION, window=WINDOW.en, source=SOURCE.en)
    treated = "".join(
        f"- {name.replace('_', ' ')}: {each.en}\n" for name, each in TREATMENT.items()
    )
    return head + tables + treated + "".join(rows())


def rows() -> Iterator[str]:
    """The tables."""
    yield "\n| count | tiếng Việt | what is counted |\n| --- | --- | --- |\n"
    for each in COUNTS:
        yield f"| `{each.key}` {each.name.en} | {each.name.vi} | {each.counted.en} |\n"
    for title, asked in (("rate", False), ("signal", True)):
        last = "what it asks" if asked else "better"
        yield f"\n| {title} | tiếng Việt | above the line | below | {last} |\n"
        yield "| --- | --- | --- | --- | --- |\n"
        yield from (line(each) for each in RATES if (each.question is not None) == asked)
    yield "\n| time | tiếng Việt | what is measured | unit |\n| --- | --- | --- | --- |\n"
    for time in TIMES:
        name = f"`{time.key}` {time.name.en} | {time.name.vi}"
        yield f"| {name} | {time.counted.en} | {time.unit.en} |\n"


def line(rate: Rate) -> str:
    """A rate's row."""
    last = rate.better if rate.question is None else rate.question.en
    parts = f"`{rate.numerator}` | `{rate.denominator}` | {last}"
    return f"| `{rate.key}` {rate.name.en} | {rate.name.vi} | {parts} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
