"""A card as a table for a spreadsheet: a line for each number, and on each who took it out."""

from collections.abc import Iterator
from typing import Any, Literal

from api.exports.files import MARK, Cell, CsvFile, XlsxFile, harmless
from api.i18n import Language
from api.scorecards.cards import said
from api.scorecards.definitions import COUNTS, RATES, TIMES
from api.scorecards.schemas import CardOut, ScorecardOut

Kind = Literal["csv", "xlsx"]
COLUMNS = (
    "scope", "level", "name", "first", "last", "measure", "measure_name", "numerator",
    "denominator", "value", "low", "high", "judgement", "withheld", "ninetieth", "unit", MARK,
)  # fmt: skip
MEDIA = {"csv": CsvFile.media_type, "xlsx": XlsxFile.media_type}


def table(card: ScorecardOut, mark: str, language: Language) -> list[list[Cell]]:
    """The lines, the names of the columns first."""
    found: list[list[Cell]] = [list(COLUMNS)]
    for each in (card.total, *card.lines):
        about = {
            "scope": each.scope,
            "level": each.level,
            "name": each.name,
            "first": card.window.first.isoformat(),
            "last": card.window.last.isoformat(),
            MARK: mark,
        }
        for number in numbers_of(each, language):
            line = about | number
            found.append([harmless(line.get(column)) for column in COLUMNS])
    return found


def numbers_of(card: CardOut, language: Language) -> Iterator[dict[str, Any]]:
    """Every number of a card, in the order of the definitions."""
    for count in COUNTS:
        if not count.inner:
            shown = card.counts[count.key]
            withheld = "protected" if shown is None else None
            yield named(count, language) | {"value": shown, "withheld": withheld}
    for rate in RATES:
        made = card.rates[rate.key] if rate.key in card.rates else card.signals[rate.key]
        kept = made.model_dump(include={"numerator", "denominator", "low", "high"})
        judged = {"judgement": made.judgement, "withheld": made.withheld}
        yield named(rate, language) | kept | {"value": made.rate} | judged
    for time in TIMES:
        took = card.times[time.key]
        spread = {"denominator": took.count, "value": took.median, "ninetieth": took.ninetieth}
        yield named(time, language) | spread | {"unit": said(time.unit, language)}


def named(measure: Any, language: Language) -> dict[str, Any]:
    """Which measure it is."""
    return {"measure": measure.key, "measure_name": said(measure.name, language)}
