"""Response templates: what could not be filled in is refused at save, the rest is filled in."""

import unicodedata
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.accounts.tables import StaffRole
from api.secrets import Keys
from api.templates.rendering import VARIABLES, TemplateError, check, render
from geo.tables import Station
from tests.casework import Desk, Phone, rows
from tests.factories import caller, make_officer, make_station, unique

GOOD: dict[str, Any] = {
    "step": "resolution",
    "language": "vi",
    "title": "Cảm ơn",
    "text": "{station} cảm ơn bạn đã báo tin số {register_number}.",
}


@pytest.fixture
def station(engine: Engine) -> Station:
    """The chief's station."""
    return make_station(engine, name="Công an phường Cửa Nam", phone="024 3942 4244")


@pytest.fixture
def chief(app: FastAPI, engine: Engine, station: Station) -> Desk:
    """Its chief's desk."""
    return Desk(app, engine, station, StaffRole.STATION_CHIEF)


@pytest.fixture
def desk(app: FastAPI, engine: Engine, station: Station) -> Desk:
    """A duty officer's of the same station."""
    return Desk(app, engine, station)


async def titles(desk: Desk, **asked: str) -> set[str]:
    answer = await desk.http.get("/v1/templates", params=asked | {"limit": "100"})
    assert answer.status_code == 200
    return {each["title"] for each in answer.json()["items"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{name}", "template_variable"),
        ("{reporter_phone}", "template_variable"),
        ("{}", "template_variable"),
        ("{0}", "template_variable"),
        ("{station.__class__}", "template_variable"),
        ("{station[0]}", "template_variable"),
        ("{station!r}", "template_variable"),
        ("{station:>99999999}", "template_variable"),
        ("{station:{ward}}", "template_variable"),
        ("{ station }", "template_variable"),
        ("{Station}", "template_variable"),
        ("a { b", "template_braces"),
        ("a } b", "template_braces"),
        ("{station", "template_braces"),
    ],
)
async def test_a_text_that_could_not_be_filled_in_is_refused_at_save(
    chief: Desk, text: str, code: str
) -> None:
    kept = (await chief.http.post("/v1/templates", json=GOOD)).json()

    answers = [
        await chief.http.post("/v1/templates", json=GOOD | {"text": text}),
        await chief.http.put(f"/v1/templates/{kept['id']}", json=GOOD | {"text": text}),
    ]

    for answer in answers:
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/text", code)
        assert "reporter_phone" not in answer.text
    assert await titles(chief) == {"Cảm ơn"}


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"step": "note"}, "/step"),
        ({"kind": "rumour"}, "/kind"),
        ({"state": "lost"}, "/state"),
        ({"language": "fr"}, "/language"),
        ({"title": ""}, "/title"),
        ({"text": ""}, "/text"),
        ({"station_id": "vn"}, ""),
    ],
)
async def test_a_template_that_does_not_fit_is_refused(
    chief: Desk, changed: dict[str, Any], pointer: str
) -> None:
    answer = await chief.http.post("/v1/templates", json=GOOD | changed)

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_template_is_filled_in_for_a_case(
    app: FastAPI, engine: Engine, keys: Keys, station: Station, chief: Desk, desk: Desk
) -> None:
    phone = Phone(app, engine, keys, station)
    case = phone.send()
    text = (
        "{{x}} {category}, {ward}, {received_on}: {register_number} - {station} ({station_phone})"
    )
    made = (await chief.http.post("/v1/templates", json=GOOD | {"text": text})).json()
    url = f"/v1/cases/{case.case_id}/templates/{made['id']}"

    before = (await desk.http.get(url)).json()
    number = (await desk.take(case))["register_number"]
    after = (await desk.http.get(url)).json()

    station_words = "Công an phường Cửa Nam (024 3942 4244)"
    beginning = "{x} Tiếng ồn, Phường Cửa Nam, 22/11/2026:"
    assert before["text"] == f"{beginning} {{register_number}} - {station_words}"
    assert before["missing"] == ["register_number"]
    assert after["text"] == f"{beginning} {number} - {station_words}"
    assert after["missing"] == []
    assert (after["step"], after["language"]) == ("resolution", "vi")


async def test_what_a_case_holds_is_not_read_as_a_template(
    app: FastAPI, engine: Engine, keys: Keys, chief: Desk, desk: Desk
) -> None:
    named = make_station(engine, name="Công an {category} {0} %s {{")
    phone = Phone(app, engine, keys, named)
    case = phone.send()
    own = Desk(app, engine, named, StaffRole.STATION_CHIEF)
    made = (await own.http.post("/v1/templates", json=GOOD | {"text": "{station}"})).json()

    answer = await own.http.get(f"/v1/cases/{case.case_id}/templates/{made['id']}")

    assert answer.json()["text"] == "Công an {category} {0} %s {{"


async def test_everybodys_templates_are_the_admins_and_a_stations_the_chiefs(
    app: FastAPI, engine: Engine, chief: Desk, desk: Desk
) -> None:
    admin = caller(app, make_officer(engine, None, role=StaffRole.ADMIN))
    foreign = Desk(app, engine, make_station(engine), StaffRole.STATION_CHIEF)
    common, own = unique("Chung "), unique("Riêng ")
    for_all = (await admin.post("/v1/templates", json=GOOD | {"title": common})).json()
    of_one = (await chief.http.post("/v1/templates", json=GOOD | {"title": own})).json()

    assert {common, own} <= await titles(desk)
    assert own not in await titles(foreign)
    assert common in await titles(foreign)
    assert own not in (await admin.get("/v1/templates", params={"limit": 100})).text
    assert (for_all["station_id"], of_one["station_id"]) == (None, chief_station(engine, of_one))
    refused = [
        await chief.http.put(f"/v1/templates/{for_all['id']}", json=GOOD),
        await chief.http.delete(f"/v1/templates/{for_all['id']}"),
        await admin.put(f"/v1/templates/{of_one['id']}", json=GOOD),
        await admin.delete(f"/v1/templates/{of_one['id']}"),
        await foreign.http.delete(f"/v1/templates/{of_one['id']}"),
        await desk.http.post("/v1/templates", json=GOOD),
    ]
    assert [each.status_code for each in refused] == [404, 404, 404, 404, 404, 403]
    assert {common, own} <= await titles(desk)

    changed = await chief.http.put(f"/v1/templates/{of_one['id']}", json=GOOD | {"title": "Mới"})
    gone = await admin.delete(f"/v1/templates/{for_all['id']}")

    assert (changed.status_code, gone.status_code) == (200, 204)
    assert await titles(desk) == {"Mới"}
    trail = "select action, actor_kind from audit_events where object_id = :id order by id"
    assert rows(engine, trail, id=of_one["id"]) == [
        ("template.created", "staff"), ("template.changed", "staff"),
    ]  # fmt: skip
    assert rows(engine, trail, id=for_all["id"])[-1][0] == "template.deleted"


def chief_station(engine: Engine, template: dict[str, Any]) -> str:
    found = "select scope from audit_events where object_id = :id and action = 'template.created'"
    [(station,)] = rows(engine, found, id=template["id"])
    return str(station)


async def test_templates_are_found_by_what_they_are_for(chief: Desk, desk: Desk) -> None:
    for title, facts in {
        "A": {"step": "question"},
        "B": {"kind": "petition"},
        "C": {"state": "in_progress"},
        "D": {"language": "en"},
        "E": {},
    }.items():
        await chief.http.post("/v1/templates", json=GOOD | {"title": title} | facts)

    assert await titles(desk) == set("ABCDE")
    assert await titles(desk, step="question") == {"A"}
    assert await titles(desk, step="resolution", kind="tip") == {"C", "D", "E"}
    assert await titles(desk, kind="petition", state="received") == {"A", "B", "D", "E"}
    assert await titles(desk, language="en") == {"D"}


async def test_pages_of_templates_are_whole(chief: Desk, desk: Desk) -> None:
    made = [f"Mẫu {number % 3}" for number in range(7)]
    for title in made:
        await chief.http.post("/v1/templates", json=GOOD | {"title": title})
    link, found = "/v1/templates?limit=3&step=resolution", []

    while link:
        answer = await desk.http.get(link)
        found += [(each["title"], each["id"]) for each in answer.json()["items"]]
        link = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""

    assert [title for title, _ in found] == sorted(made)
    assert len({each for _, each in found}) == 7
    unknown = await desk.http.get("/v1/templates", params={"cursor": str(uuid.uuid4())})
    assert unknown.status_code == 422


async def test_a_template_is_kept_composed(chief: Desk) -> None:
    spelled = unicodedata.normalize("NFD", "Cảm ơn, {station} đã ghi nhận.")

    made = (await chief.http.post("/v1/templates", json=GOOD | {"text": spelled})).json()

    assert made["text"] == "Cảm ơn, {station} đã ghi nhận."


@given(st.text())
def test_a_text_is_refused_or_filled_in_and_nothing_else_happens(text: str) -> None:
    try:
        check(text)
    except TemplateError:
        return
    done = render(text, dict.fromkeys(VARIABLES, "X"))
    assert done.missing == []


@given(st.lists(st.sampled_from([f"{{{name}}}" for name in VARIABLES] + ["{{", "}}", "chữ "])))
def test_every_variable_of_the_list_is_filled_in(pieces: list[str]) -> None:
    done = render("".join(pieces), {name: f"<{name}>" for name in VARIABLES})

    expected = [
        each if each == "chữ " else each[0] if each in ("{{", "}}") else f"<{each[1:-1]}>"
        for each in pieces
    ]
    assert done.text == "".join(expected)
