"""`tinbao clocks`: rules are added and closed, never edited; days off and hours are data."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from api.cli import app
from api.clocks.deadlines import Facts, RunsFrom
from api.clocks.rules import Shelf
from tests.clocks.year import moment
from tests.conftest import own_database

Tinbao = Callable[..., Result]

NEW_LAW: dict[str, Any] = {
    "id": "outcome.crime_report.2027",
    "follows": "outcome.crime_report.2018",
    "clock": "outcome",
    "name_vi": "Ra quyết định giải quyết",
    "name_en": "Decision on the crime report",
    "kinds": ["crime_report"],
    "amount": 15,
    "unit": "days",
    "runs_from": "received",
    "stops_at": ["report.resolved"],
    "pauses": True,
    "extensions": [{"amount": 1, "unit": "months", "counts_from": "start"}],
    "notice_days": 3,
    "ladder_minutes": [0, 1440, 4320],
    "basis": "law",
    "citation": "Luật 99/2027/QH16",
    "article": "Điều 1",
    "needs_check": False,
    "effective_from": "2027-07-01",
}


@pytest.fixture
def own_engine(postgis: str, template: str) -> Iterator[Engine]:
    """A database for each test: what is added to rules stays."""
    with own_database(postgis, template) as engine:
        yield engine


@pytest.fixture
def tinbao(own_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tinbao:
    """The command line on this database."""
    url = own_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("TINBAO_DATABASE_URL", url)
    monkeypatch.setenv("TINBAO_MODE", "demo")
    monkeypatch.setenv("TINBAO_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["clocks", *arguments])

    return run


@pytest.fixture
def rules(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of rules."""

    def write(*found: dict[str, Any]) -> str:
        file = tmp_path / "rules.json"
        file.write_text(json.dumps({"rules": list(found)}))
        return str(file)

    return write


def amount_on(engine: Engine, when: str) -> int:
    """The days of the outcome of a crime report that comes in then."""
    with engine.connect() as connection:
        book = Shelf().book(connection)
    facts = Facts("crime_report", 1)
    rule = book.rule_for("outcome", facts, RunsFrom.RECEIVED, moment(when))
    assert rule is not None
    return rule.amount


def test_the_rules_that_ship_are_listed_with_what_must_be_checked(tinbao: Tinbao) -> None:
    shown = tinbao("list").output

    assert "outcome.crime_report.2018" in shown
    assert "Điều 147" in shown
    assert "legal office" in shown
    checked = shown.rsplit("confirm:", 1)[1]
    assert "first_response" not in checked
    assert "handover.ward.2018" in checked


def test_a_new_rule_closes_the_one_it_follows_on_its_first_day(
    tinbao: Tinbao, own_engine: Engine, rules: Callable[..., str]
) -> None:
    dry = tinbao("import", rules(NEW_LAW), "--dry-run")
    before = amount_on(own_engine, "2027-07-01 00:00")
    done = tinbao("import", rules(NEW_LAW))
    again = tinbao("import", rules(NEW_LAW))

    assert (dry.exit_code, done.exit_code, again.exit_code) == (0, 0, 0)
    assert before == 20
    assert amount_on(own_engine, "2027-06-30 23:59") == 20
    assert amount_on(own_engine, "2027-07-01 00:00") == 15
    assert "Added 1 rules" in done.output
    assert "Added 0 rules" in again.output
    with own_engine.connect() as connection:
        trail = connection.execute(
            text("select action, object_id from audit_events where object_kind = 'clock_rule'")
        )
        assert {tuple(row) for row in trail} == {
            ("clock_rule.added", "outcome.crime_report.2027"),
            ("clock_rule.closed", "outcome.crime_report.2018"),
        }


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"amount": 16}, "says something else"),
        ({"id": "other.1", "follows": "no.such.rule"}, "There is no rule"),
        ({"id": "other.2", "follows": "outcome.crime_report.2018"}, "ends on"),
        ({"id": "other.3", "follows": "handover.ward.2018", "effective_from": "2010-01-01"},
         "cannot end by"),
    ],
)  # fmt: skip
def test_what_would_edit_the_past_is_refused(
    tinbao: Tinbao, rules: Callable[..., str], changed: dict[str, Any], why: str
) -> None:
    tinbao("import", rules(NEW_LAW))

    refused = tinbao("import", rules(NEW_LAW | changed))

    assert refused.exit_code == 1
    assert why in refused.output


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 0},
        {"unit": "weeks"},
        {"ladder_minutes": [60, 0]},
        {"unit": "hours"},
        {"stops_at": ["resolved"]},
        {"surprise": 1},
        {"urgencies": [4]},
    ],
)
def test_a_file_that_makes_no_sense_is_refused_whole(
    tinbao: Tinbao, rules: Callable[..., str], changed: dict[str, Any]
) -> None:
    refused = tinbao("import", rules(NEW_LAW | {"id": "x.y"}, NEW_LAW | {"id": "y.z"} | changed))

    assert refused.exit_code == 1
    assert "is not a file of rules" in refused.output


def test_a_day_is_set_as_it_was_announced(tinbao: Tinbao, own_engine: Engine) -> None:
    said = ("--name", "Nghỉ Tết", "--source", "Công văn 1/2027")
    first = tinbao("day", "2027-02-11", *said)
    holidays = tinbao("holidays", "2027")
    assert holidays.exit_code == 0, holidays.exception
    shown = holidays.output
    second = tinbao("day", "2027-02-11", "--working", *said)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "2027-02-11 Thu  off     Nghỉ Tết" in shown
    assert "2027-02-04 Thu  off     29 Tết" in shown
    with own_engine.connect() as connection:
        assert Shelf().book(connection).calendar.is_worked(moment("2027-02-11 12:00").date())


BLANK = ["", "  ", "\u200b", "\u00a0\ufeff", "\u3164", "x\u202ey", "x\udcff"]


@pytest.mark.parametrize("words", BLANK)
@pytest.mark.parametrize(
    "asked",
    [
        ("day", "2028-03-01", "--name", "{}", "--source", "Công văn 2/2028"),
        ("day", "2028-03-01", "--name", "Nghỉ", "--source", "{}"),
        ("hours", "--from", "2028-03-01", "--span", "07:00-11:00", "--source", "{}"),
    ],
)
def test_what_says_nothing_is_neither_a_name_nor_a_source(
    tinbao: Tinbao, own_engine: Engine, asked: tuple[str, ...], words: str
) -> None:
    refused = tinbao(*(part.format(words) for part in asked))

    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("tinbao: Clocks cite their source: ")
    with own_engine.connect() as connection:
        days = text("select count(*) from calendar_days where day = '2028-03-01'")
        hours = text("select count(*) from working_hours where effective_from = '2028-03-01'")
        assert connection.scalar(days) == connection.scalar(hours) == 0


def test_a_name_is_kept_as_it_is_written_everywhere(tinbao: Tinbao, own_engine: Engine) -> None:
    name, source = "Nghỉ lễ", "Công văn"
    apart = [unicodedata.normalize("NFD", each) for each in (name, source)]

    assert tinbao("day", "2028-03-02", "--name", apart[0], "--source", apart[1]).exit_code == 0

    with own_engine.connect() as connection:
        kept = connection.execute(
            text("select name, source from calendar_days where day = '2028-03-02'")
        ).one()
    assert tuple(kept) == (name, source)


def test_hours_are_set_from_a_day_on(tinbao: Tinbao, own_engine: Engine) -> None:
    done = tinbao("hours", "--from", "2027-04-16", "--span", "13:30-17:30", "--span", "07:00-11:00",
                  "--weekdays", "1,2,3,4,5,6", "--source", "QĐ 2/2027")  # fmt: skip

    assert done.exit_code == 0
    with own_engine.connect() as connection:
        calendar = Shelf().book(connection).calendar
    assert calendar.is_worked(moment("2027-04-17 12:00").date())
    assert not calendar.is_worked(moment("2027-04-10 12:00").date())


@pytest.mark.parametrize(
    "spans", [("07:00",), ("12:00-11:00",), ("07:00-11:00", "10:00-12:00"), ("x-y",)]
)
def test_hours_that_make_no_sense_are_refused(tinbao: Tinbao, spans: tuple[str, ...]) -> None:
    asked = [part for span in spans for part in ("--span", span)]

    assert tinbao("hours", "--from", "2027-04-16", "--source", "x", *asked).exit_code == 1


def test_deadlines_are_worked_out_when_asked(tinbao: Tinbao) -> None:
    done = tinbao("recompute")

    assert done.output == "0 deadlines moved.\n"


def test_the_doctor_says_which_deadlines_a_lawyer_must_check(tinbao: Tinbao) -> None:
    shown = CliRunner().invoke(app, ["doctor"]).output

    assert "your legal office must check them" in shown
    assert "outcome.crime_report.2018" in shown
