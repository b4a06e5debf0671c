"""What is published is whole, in both languages, and what the page says."""

import unicodedata
from pathlib import Path

from api.scorecards.definitions import (
    CAVEAT,
    COUNT_OF,
    COUNTS,
    RATES,
    SOURCE,
    TIMES,
    TREATMENT,
    WINDOW,
    Words,
)
from api.scorecards.measures import CONDITIONS, DURATIONS
from api.scorecards.page import page
from api.scorecards.windows import settled_month, settled_windows, window_of
from tests.clocks.year import moment

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "scorecards.md"


def every_text() -> list[Words]:
    """Every text there is."""
    found = [CAVEAT, SOURCE, WINDOW, *TREATMENT.values()]
    found += [words for each in COUNTS for words in (each.name, each.counted)]
    found += [each.name for each in RATES] + [each.question for each in RATES if each.question]
    return found + [words for each in TIMES for words in (each.name, each.counted)]


def test_every_text_is_in_both_languages() -> None:
    for each in every_text():
        assert each.vi.strip()
        assert each.en.strip()
        assert each.vi != each.en
        assert unicodedata.is_normalized("NFC", each.vi)


def test_every_measure_is_counted_and_every_count_is_defined() -> None:
    assert {each.key for each in COUNTS} == CONDITIONS.keys()
    assert {each.key for each in TIMES} == DURATIONS.keys()


def test_rates_are_made_of_defined_counts_and_protected_like_them() -> None:
    for each in RATES:
        above, below = COUNT_OF[each.numerator], COUNT_OF[each.denominator]
        assert each.protected == (above.protected or below.protected)


def test_signals_are_questions() -> None:
    for each in RATES:
        assert (each.question is None) == (each.better is not None)
        if each.question is not None:
            assert each.question.vi.endswith("?")
            assert each.question.en.endswith("?")


def test_the_page_says_what_the_definitions_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m api.scorecards.page > docs/scorecards.md"


def test_windows_are_whole_days_of_vietnam_that_are_over() -> None:
    # 23:30 in Vietnam on Sat 31 Oct, and half an hour later.
    before, after = moment("2026-10-31 23:30"), moment("2026-11-01 00:00")
    week, month = window_of("7d", before), window_of("2026-10", after)

    assert week is not None
    assert (week.begins.isoformat(), week.last.isoformat()) == ("2026-10-24", "2026-10-30")
    assert window_of("2026-10", before) is None
    assert month is not None
    assert month.begins_at == moment("2026-10-01 00:00")
    assert month.ends_at == moment("2026-11-01 00:00")
    assert window_of("2026-Q4", after) is None


def test_a_quarter_is_three_months() -> None:
    found = window_of("2025-Q4", moment("2026-11-01 00:00"))

    assert found is not None
    assert (found.begins.isoformat(), found.last.isoformat()) == ("2025-10-01", "2025-12-31")


def test_a_month_is_settled_when_nothing_of_it_can_be_reopened() -> None:
    assert settled_month(moment("2026-11-15 23:59")).name == "2026-09"
    assert settled_month(moment("2026-11-16 00:00")).name == "2026-10"
    assert settled_month(moment("2026-01-10 12:00")).name == "2025-11"


def test_a_quarter_is_settled_with_its_last_month() -> None:
    def names(at: str) -> list[str]:
        return [each.name for each in settled_windows(moment(at))]

    before, after = names("2026-10-15 23:59"), names("2026-10-16 00:00")

    assert before[:3] == ["2026-08", "2026-07", "2026-06"]
    assert after[:3] == ["2026-09", "2026-Q3", "2026-08"]
    assert [len(before), len(after), after[-1]] == [16, 16, "2025-10"]
