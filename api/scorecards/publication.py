"""What is published: the definitions, and a province's month for everybody."""

from api.scorecards import schemas
from api.scorecards.cards import number
from api.scorecards.definitions import (
    COUNTS,
    RATES,
    SOURCE,
    TIMES,
    TREATMENT,
    VERSION,
    WINDOW,
    Words,
)
from api.scorecards.protection import rounded
from api.scorecards.queries import Numbers

PUBLIC_COUNTS = ("received", "acknowledged", "answered", "missed", "open_at_end")
PUBLIC_RATES = ("acknowledged_in_time", "answered_in_time", "satisfaction")
LEAST_PUBLIC = 20
"""Out of fewer, no rate is published."""


def summary_line(code: str, name: str, numbers: Numbers) -> schemas.PublicLineOut:
    """A province's month, from the numbers that its commander reads."""
    rates = {}
    for each in RATES:
        if each.key in PUBLIC_RATES:
            hits, out_of = number(numbers, each.numerator), number(numbers, each.denominator)
            share = round(hits / out_of, 2) if out_of >= LEAST_PUBLIC else None
            rates[each.key] = schemas.PublicRateOut(rate=share, out_of=rounded(out_of))
    counts = {key: rounded(number(numbers, key)) for key in PUBLIC_COUNTS}
    return schemas.PublicLineOut(province_code=code, name=name, counts=counts, rates=rates)


def words(given: Words) -> schemas.TextOut:
    """Words as the wire has them."""
    return schemas.TextOut(vi=given.vi, en=given.en)


def definitions() -> schemas.DefinitionsOut:
    """All of them."""
    nothing = dict.fromkeys(("counted", "numerator", "denominator", "better", "unit", "question"))
    items = [
        nothing
        | {
            "key": each.key,
            "type": "count",
            "name": words(each.name),
            "counted": words(each.counted),
            "protected": each.protected,
        }
        for each in COUNTS
    ]
    items += [
        nothing
        | {
            "key": each.key,
            "type": "rate" if each.question is None else "signal",
            "name": words(each.name),
            "numerator": each.numerator,
            "denominator": each.denominator,
            "better": each.better,
            "protected": each.protected,
            "question": each.question and words(each.question),
        }
        for each in RATES
    ]
    items += [
        nothing
        | {
            "key": each.key,
            "type": "time",
            "name": words(each.name),
            "counted": words(each.counted),
            "unit": words(each.unit),
            "protected": False,
        }
        for each in TIMES
    ]
    return schemas.DefinitionsOut(
        version=VERSION,
        window=words(WINDOW),
        source=words(SOURCE),
        treatment={name: words(each) for name, each in TREATMENT.items()},
        items=[schemas.DefinitionOut.model_validate(each) for each in items],
    )
