"""Cards from numbers: rates with intervals, what chance explains, what is withheld."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from api.i18n import Language
from api.scorecards import schemas
from api.scorecards.definitions import CAVEAT, COUNTS, RATES, TIMES, VERSION, Rate, Words
from api.scorecards.funnel import LEAST, UNJUDGED, Judgement, Limits, Peers, Place, judged, peers_of
from api.scorecards.funnel import wilson as interval
from api.scorecards.protection import rounded, withheld
from api.scorecards.queries import Found, Numbers
from api.scorecards.scopes import Scope
from api.scorecards.windows import Window

DIGITS = 4
METHOD = schemas.MethodOut(
    definitions=VERSION,
    interval="Wilson, 95 %",
    limits="exact binomial, 95 % and 99.8 %, widened by the dispersion of winsorised z-scores",
    flag="outside 99.8 %",
)
ASKING: Mapping[str, Literal["hours", "working_hours"]] = {
    "read_hours": "hours",
    "read_working_hours": "working_hours",
    "outcome_hours": "hours",
}


def said(words: Words, language: Language) -> str:
    """Words in a language."""
    return words.vi if language == "vi" else words.en


@dataclass(frozen=True)
class Line:
    """A scope and its numbers, as far as they may be shown: None is withheld."""

    scope: Scope
    shown: Mapping[str, int | None]
    times: Mapping[str, Any]
    overdue_now: int

    def parts(self, rate: Rate) -> tuple[int | None, int | None]:
        """What is above and below the line."""
        return self.shown[rate.numerator], self.shown[rate.denominator]


def lines_of(
    parts: Sequence[Scope], total: Scope, found: Found, overdue: Mapping[str, int]
) -> tuple[list[Line], Line]:
    """The lines of a card and the line of all together; what must be is withheld among them."""
    every = [found.by_scope.get((each.level, each.code), {}) for each in parts]
    whole = found.by_scope.get((total.level, total.code), {})
    hidden = {
        "withdrawn": withheld([number(each, "withdrawn") for each in every]),
        "rated": withheld([number(each, "rated") for each in every]),
    }
    hidden["satisfied"] = hidden["rated"]
    lines = [
        Line(
            part,
            shown(numbers, {name for name, out in hidden.items() if out[place]}),
            numbers,
            overdue.get(part.code, 0),
        )
        for place, (part, numbers) in enumerate(zip(parts, every, strict=True))
    ]
    few = {name for name in ("withdrawn", "rated") if number(whole, name) < LEAST}
    few |= {"satisfied"} if "rated" in few else set()
    return lines, Line(total, shown(whole, few), whole, sum(overdue.values()))


def number(numbers: Numbers, key: str) -> int:
    """A count; what no stay was found for is nothing."""
    return int(numbers.get(key) or 0)


def shown(numbers: Numbers, hidden: set[str]) -> dict[str, int | None]:
    """Every count as it is shown: protected ones are rounded."""
    return {
        each.key: None
        if each.key in hidden
        else rounded(number(numbers, each.key))
        if each.protected
        else number(numbers, each.key)
        for each in COUNTS
    }


def peers_among(lines: Sequence[Line]) -> dict[str, Peers]:
    """What each rate is compared with; what is withheld is left out."""
    found = {}
    for rate in RATES:
        pairs = [line.parts(rate) for line in lines]
        known = [(x, n) for x, n in pairs if x is not None and n is not None]
        found[rate.key] = peers_of([x for x, _ in known], [n for _, n in known])
    return found


def rates_of(lines: Sequence[Line], peers: Mapping[str, Peers] | None) -> list[dict[str, Any]]:
    """Every rate of each line, by its key; without peers there is no judgement."""
    found: list[dict[str, Any]] = [{} for _ in lines]
    for rate in RATES:
        pairs = [line.parts(rate) for line in lines]
        known = [(x or 0, n or 0) for x, n in pairs]
        judgements = [UNJUDGED] * len(lines)
        if peers is not None:
            judgements = judged([x for x, _ in known], [n for _, n in known], peers[rate.key])
        for place, (pair, judgement) in enumerate(zip(pairs, judgements, strict=True)):
            found[place][rate.key] = rate_of(rate, *pair, judgement)
    return found


def rate_of(
    rate: Rate, hits: int | None, out_of: int | None, judgement: Judgement
) -> dict[str, Any]:
    """A rate as it is shown."""
    made: dict[str, Any] = {
        "numerator": hits,
        "denominator": out_of,
        "withheld": None,
        "judgement": meaning(rate, judgement.place),
        "limits_95": drawn(judgement.limits_95),
        "limits_998": drawn(judgement.limits_998),
        **dict.fromkeys(("rate", "low", "high")),
    }
    if hits is None or out_of is None:
        return made | {"numerator": None, "denominator": None, "withheld": "protected"}
    if out_of < LEAST:
        return made | {"withheld": "too_few"}
    low, high = interval(hits, out_of)
    return made | {
        "rate": round(hits / out_of, DIGITS),
        "low": round(low, DIGITS),
        "high": round(high, DIGITS),
    }


def meaning(rate: Rate, place: Place | None) -> str | None:
    """What a place between the limits means for a rate."""
    if place is None:
        return None
    if place == "within":
        return "within_chance"
    if rate.better is None:
        return "more" if place == "above" else "fewer"
    return "better" if (place == "above") == (rate.better == "higher") else "worse"


def drawn(limits: Limits | None) -> dict[str, float | None] | None:
    """Limits as the wire has them."""
    if limits is None:
        return None
    ends = {"low": limits.low, "high": limits.high}
    return {name: None if each is None else round(each, DIGITS) for name, each in ends.items()}


def cards_of(
    lines: Sequence[Line], peers: Mapping[str, Peers] | None, language: Language
) -> list[schemas.CardOut]:
    """The cards of lines."""
    every = rates_of(lines, peers)
    return [card(line, rates, language) for line, rates in zip(lines, every, strict=True)]


def card(line: Line, found: Mapping[str, Any], language: Language) -> schemas.CardOut:
    """The card of a line."""
    rates: dict[str, Any] = {}
    signals: dict[str, Any] = {}
    for each in RATES:
        made = found[each.key]
        if each.question is None:
            rates[each.key] = made
        else:
            asked = said(each.question, language) if made["judgement"] == "more" else None
            signals[each.key] = made | {"question": asked}
    return schemas.CardOut.model_validate(
        {
            "scope": line.scope.code,
            "level": line.scope.level,
            "name": line.scope.name,
            "overdue_now": line.overdue_now,
            "counts": {each.key: line.shown[each.key] for each in COUNTS if not each.inner},
            "rates": rates,
            "signals": signals,
            "times": {each.key: time_of(line.times, each.key) for each in TIMES},
        }
    )


def time_of(numbers: Numbers, key: str) -> dict[str, Any]:
    """How long something took; of a few, nothing is said."""
    count = number(numbers, f"{key}_n")
    middle, ninetieth = (numbers[key] if count >= LEAST else (None, None)) or (None, None)
    return {
        "count": count,
        "median": None if middle is None else round(middle, 2),
        "ninetieth": None if ninetieth is None else round(ninetieth, 2),
        "unit": ASKING[key],
    }


def scorecard(
    scope: Scope,
    window: Window,
    parts: Sequence[Scope],
    found: Found,
    overdue: Mapping[str, int],
    language: Language,
) -> schemas.ScorecardOut:
    """The whole card. A station's is its line in the province's, and nobody else's line."""
    whole = scope
    if scope.level == "station" and len(parts) > 1:
        whole = Scope("province", str(scope.province_code), "", scope.province_code)
    lines, together = lines_of(parts, whole, found, overdue)
    peers = peers_among(lines)
    if scope.level == "station":
        own = [each for each in lines if each.scope.code == scope.code]
        (total,), lines = cards_of(own, peers if len(parts) > 1 else None, language), []
    else:
        (total,) = cards_of([together], None, language)
    return schemas.ScorecardOut(
        scope=scope.code,
        level=scope.level,
        name=scope.name,
        window=schemas.WindowOut(name=window.name, first=window.begins, last=window.last),
        counted_until=found.counted_until,
        complete=found.counted_until is not None and found.counted_until >= window.ends_at,
        kept=found.kept,
        total=total,
        lines=cards_of(lines, peers, language),
        peers={name: peers_out(each) for name, each in peers.items()},
        method=METHOD,
        caveat=said(CAVEAT, language),
    )


def peers_out(peers: Peers) -> schemas.PeersOut:
    """Peers as the wire has them."""
    target = None if peers.target is None else round(peers.target, DIGITS)
    return schemas.PeersOut(
        target=target, dispersion=round(peers.dispersion, 2), stations=peers.stations
    )
