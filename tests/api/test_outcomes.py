"""How cases end: resolved, dismissed, linked; what the reporter reads of it and what never."""

import asyncio
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.tables import StaffRole
from api.secrets import Keys
from geo.tables import Station, StationKind
from tests.casework import Desk, Phone, rows
from tests.factories import caller, make_officer, make_report, make_station, unique

NOTE = "Đối tượng có tiền án, theo dõi thêm."
PUBLIC = "Tổ tuần tra đã đến và nhắc nhở."
GOOD: dict[str, Any] = {"reason_code": "warned", "note": NOTE, "public_text": PUBLIC}


@pytest.fixture
def station(engine: Engine) -> Station:
    """The station of the cases."""
    return make_station(engine, name="Công an phường Cửa Nam", province_code="01")


@pytest.fixture
def desk(app: FastAPI, engine: Engine, station: Station) -> Desk:
    """A duty officer's."""
    return Desk(app, engine, station)


@pytest.fixture
def phone(app: FastAPI, engine: Engine, keys: Keys, station: Station) -> Phone:
    """A reporter's."""
    return Phone(app, engine, keys, station)


@pytest.fixture
def neighbour(app: FastAPI, engine: Engine, keys: Keys, station: Station) -> Phone:
    """Another reporter's, who tells of the same thing."""
    return Phone(app, engine, keys, station)


@pytest.mark.parametrize(
    ("path", "reason", "state", "kind"),
    [
        ("resolution", "warned", "resolved", "report.resolved"),
        ("dismissal", "nothing_found", "not_actionable", "report.dismissed"),
    ],
)
async def test_a_case_ends_with_two_texts_that_are_never_mixed(
    desk: Desk, phone: Phone, engine: Engine, path: str, reason: str, state: str, kind: str
) -> None:
    case = phone.send()
    await desk.take(case)

    ended = await desk.done(case, path, reason_code=reason, note=NOTE, public_text=PUBLIC)

    [outcome] = ended["outcomes"]
    assert (ended["state"], outcome["state"], outcome["reason_code"]) == (state, state, reason)
    assert (outcome["note"], outcome["public_text"]) == (NOTE, PUBLIC)
    assert ended["closed_at"] == outcome["at"]
    assert ended["events"][-1]["data"] == {"reason_code": reason}
    mine = await phone.read()
    assert mine["outcome"] == {"at": ended["closed_at"], "state": state, "public_text": PUBLIC}
    assert mine["reopen_until"] > mine["closed_at"] == ended["closed_at"]
    [told] = rows(
        engine, "select data from acknowledgements where subject = :id and kind = :kind",
        id=case.id, kind=kind,
    )  # fmt: skip
    assert told == ({"station": "Công an phường Cửa Nam", "public_text": PUBLIC},)


async def test_an_internal_note_never_reaches_the_reporter_or_a_push(
    desk: Desk, phone: Phone, engine: Engine
) -> None:
    secret = unique("kín-")
    case = phone.send()
    other = make_report(engine, phone.station)
    await desk.take(case)
    await desk.done(case, "progress", note=f"{secret} 1", public_text="Đang xem.")
    await desk.done(case, "resolution", **GOOD | {"note": f"{secret} 2"})
    reopened = await phone.act("reopening", text="Chưa xong.")
    await desk.done(case, "duplicate", of=str(other.case_id), note=f"{secret} 3")

    answers = [
        reopened,
        await phone.http.get(phone.url),
        await phone.http.get(f"{phone.url}/messages"),
        await phone.http.get("/v1/my/reports"),
        await phone.http.get("/v1/inbox", params={"limit": 100}),
    ]

    assert {each.status_code for each in answers} == {200}
    assert not [each for each in answers if secret in each.text]
    assert str(await desk.see(case)).count(secret) == 3
    told = rows(engine, "select data::text from acknowledgements where subject = :id", id=case.id)
    assert not [data for (data,) in told if secret in data]
    assert [each["kind"] for each in answers[1].json()["history"]] == phone.inbox_kinds(case)


def test_the_role_that_serves_reporters_cannot_read_a_note(engine: Engine) -> None:
    asked = (
        "select has_column_privilege('tinbao_api', 'case_outcomes', 'note', 'select'),"
        " has_column_privilege('tinbao_api', 'case_outcomes', 'public_text', 'select'),"
        " has_column_privilege('tinbao_officer', 'case_outcomes', 'note', 'select')"
    )

    assert rows(engine, asked) == [(False, True, True)]


async def test_only_a_chief_or_oversight_says_that_a_report_is_untrue(
    app: FastAPI, engine: Engine, station: Station, desk: Desk, phone: Phone
) -> None:
    case = phone.send()
    await desk.take(case)
    untrue = GOOD | {"reason_code": "false_report"}

    refused = await desk.step(case, "dismissal", **untrue)
    chief = Desk(app, engine, station, StaffRole.STATION_CHIEF)
    done = await chief.step(case, "dismissal", **untrue)

    assert (refused.status_code, refused.json()["code"]) == (403, "role-not-allowed")
    assert (done.status_code, done.json()["state"]) == (200, "not_actionable")


@pytest.mark.parametrize(
    ("path", "changed", "pointer"),
    [
        ("resolution", {"reason_code": "nothing_found"}, "/reason_code"),
        ("dismissal", {"reason_code": "warned"}, "/reason_code"),
        ("resolution", {"reason_code": "made_up"}, "/reason_code"),
        ("resolution", {"public_text": ""}, "/public_text"),
        ("resolution", {"note": "x" * 5001}, "/note"),
        ("dismissal", {"reason_code": "nothing_found", "text": "x"}, ""),
    ],
)
async def test_an_outcome_that_does_not_fit_changes_nothing(
    desk: Desk, phone: Phone, path: str, changed: dict[str, Any], pointer: str
) -> None:
    case = phone.send()
    before = await desk.take(case)

    answer = await desk.step(case, path, **GOOD | changed)

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert await desk.see(case) == before


async def test_a_double_tap_ends_a_case_once(desk: Desk, phone: Phone) -> None:
    case = phone.send()
    version = (await desk.take(case))["version"]

    answers = await asyncio.gather(
        *(desk.step(case, "resolution", version, **GOOD) for _ in range(5))
    )

    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412, 412]
    assert len((await desk.see(case))["outcomes"]) == 1
    assert phone.inbox_kinds(case) == ["report.acknowledged", "report.resolved"]


async def test_withdrawing_and_resolving_at_once_has_one_winner(desk: Desk, phone: Phone) -> None:
    for _ in range(8):
        case = phone.send()
        version = (await desk.take(case))["version"]

        withdrawn, resolved = await asyncio.gather(
            phone.act("withdrawal"), desk.step(case, "resolution", version, **GOOD)
        )

        state = (await desk.see(case))["state"]
        assert (withdrawn.status_code, resolved.status_code, state) in [
            (200, 412, "withdrawn"),
            (409, 200, "resolved"),
        ]
        assert len(phone.inbox_kinds(case)) == 2


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_reasons_are_listed_in_the_language_asked_for(desk: Desk, language: str) -> None:
    answer = await desk.http.get("/v1/outcome-reasons", headers={"Accept-Language": language})

    found = {each["code"]: each for each in answer.json()["items"]}
    assert {each["step"] for each in found.values()} == {"resolution", "dismissal"}
    assert [code for code, each in found.items() if each["needs_chief"]] == ["false_report"]
    assert found["warned"]["name"] == {"vi": "Đã nhắc nhở, cảnh cáo", "en": "Warned"}[language]


async def test_linked_reports_stay_apart_and_are_counted_once(
    desk: Desk, phone: Phone, neighbour: Phone
) -> None:
    root = phone.send(text="Cướp giật ở cầu.")
    double = neighbour.send(text="Giật túi xách, áo đỏ.")
    await phone.say("Nhà tôi ở số 12.")
    await neighbour.say("Tôi là người bán nước.")

    linked = await desk.done(double, "duplicate", of=str(root.case_id), note="Cùng vụ.")
    seen = await desk.see(root)

    assert (linked["state"], linked["duplicate_of"]) == ("duplicate", str(root.case_id))
    assert (seen["state"], seen["merged_count"], seen["version"]) == ("received", 1, 3)
    assert seen["events"][-1]["kind"] == "report.merged"
    assert [each["case_id"] for each in (await desk.http.get("/v1/queue")).json()["items"]] == [
        str(root.case_id)
    ]
    await desk.take(root)
    await desk.resolve(root, "Đã bắt giữ.")
    for one, other in ((phone, neighbour), (neighbour, phone)):
        told = "".join(
            [
                (await one.http.get(path)).text
                for path in (one.url, f"{one.url}/messages", "/v1/my/reports", "/v1/inbox")
            ]
        )
        for secret in (
            str(other.report_id), str(root.case_id), str(double.case_id),
            {phone: "áo đỏ", neighbour: "ở cầu"}[one], {phone: "bán nước", neighbour: "số 12"}[one],
        ):  # fmt: skip
            assert secret not in told
        assert (await one.http.get(other.url)).status_code == 404
    assert "Đã bắt giữ" not in (await neighbour.http.get(neighbour.url)).text
    assert neighbour.inbox_kinds(double) == ["report.answered", "report.linked"]


async def test_a_link_leads_to_the_root_and_counts_what_was_linked_before(
    desk: Desk, engine: Engine, station: Station
) -> None:
    a, b, c, d = (make_report(engine, station) for _ in range(4))

    await desk.done(b, "duplicate", of=str(a.case_id))
    onto_double = await desk.done(c, "duplicate", of=str(b.case_id))
    await desk.done(a, "duplicate", of=str(d.case_id))

    assert onto_double["duplicate_of"] == str(a.case_id)
    assert (await desk.see(d))["merged_count"] == 3
    assert (await desk.see(c))["duplicate_of"] == str(a.case_id)


async def test_what_cannot_be_linked_to(
    app: FastAPI, desk: Desk, engine: Engine, station: Station
) -> None:
    case, double, withdrawn = (make_report(engine, station) for _ in range(3))
    office = make_station(engine, id=unique("o-"), kind=StationKind.OVERSIGHT)
    foreign = make_report(engine, office)
    told_of = make_report(engine, office, informed=(station.id,))
    gone = make_report(engine, station, state="withdrawn")
    await desk.done(double, "duplicate", of=str(case.case_id))

    for of in (case, double, foreign, told_of, gone, None):
        target = str(of.case_id) if of is not None else str(uuid.uuid4())
        answer = await desk.step(case, "duplicate", of=target)

        assert answer.status_code == 422, of
        assert [each["code"] for each in answer.json()["errors"]] == ["link_target"]
        assert target not in answer.text

    assert withdrawn
    assert (await desk.see(case))["state"] == "received"


async def test_two_cases_linked_to_each_other_at_once_leave_one_root(
    desk: Desk, engine: Engine, station: Station
) -> None:
    for _ in range(5):
        a, b = (make_report(engine, station) for _ in range(2))

        answers = await asyncio.gather(
            desk.step(a, "duplicate", 1, of=str(b.case_id)),
            desk.step(b, "duplicate", 1, of=str(a.case_id)),
        )

        assert sorted(each.status_code for each in answers) in ([200, 412], [200, 422])
        states = sorted([(await desk.see(a))["state"], (await desk.see(b))["state"]])
        assert states == ["duplicate", "received"]


async def test_many_links_to_one_case_at_once_are_all_counted(
    app: FastAPI, engine: Engine, station: Station
) -> None:
    root, *doubles = (make_report(engine, station) for _ in range(9))
    desks = [Desk(app, engine, station) for _ in doubles]

    answers = await asyncio.gather(
        *(
            desk.step(double, "duplicate", 1, of=str(root.case_id))
            for desk, double in zip(desks, doubles, strict=True)
        )
    )

    assert {each.status_code for each in answers} == {200}
    seen = await desks[0].see(root)
    assert (seen["merged_count"], seen["version"]) == (8, 9)


async def test_a_linked_report_that_is_reopened_stands_alone_again(
    desk: Desk, phone: Phone, engine: Engine, station: Station
) -> None:
    root, middle, case = make_report(engine, station), make_report(engine, station), phone.send()
    await desk.done(case, "duplicate", of=str(middle.case_id))
    await desk.done(middle, "duplicate", of=str(root.case_id))

    answer = await phone.act("reopening", text="Đây là việc khác.")

    assert answer.status_code == 200
    seen = await desk.see(case)
    assert (seen["state"], seen["duplicate_of"], seen["closed_at"]) == ("received", None, None)
    assert seen["messages"][-1]["text"] == "Đây là việc khác."
    assert [(await desk.see(each))["merged_count"] for each in (middle, root)] == [0, 1]


async def test_reopening_while_the_root_is_linked_on_leaves_true_counts(
    desk: Desk, phone: Phone, engine: Engine, station: Station
) -> None:
    for _ in range(5):
        case, middle, root = phone.send(), *(make_report(engine, station) for _ in range(2))
        await desk.done(case, "duplicate", of=str(middle.case_id))

        answers = await asyncio.gather(
            phone.act("reopening", text="Đây là việc khác."),
            desk.step(middle, "duplicate", 2, of=str(root.case_id)),
        )

        linked = answers[1].status_code == 200
        counts = [(await desk.see(each))["merged_count"] for each in (middle, root)]
        assert answers[0].status_code == 200
        assert counts == [0, int(linked)]


async def test_the_dialogue_and_outcomes_of_others_are_out_of_reach(
    app: FastAPI, engine: Engine, desk: Desk, phone: Phone
) -> None:
    case = phone.send()
    await phone.say("Tôi ở gần đó.")
    await desk.take(case)
    await desk.resolve(case)
    elsewhere = make_station(engine)

    async with caller(app, make_officer(engine, elsewhere)) as stranger:
        answers = [
            await stranger.get(f"/v1/cases/{case.case_id}"),
            await stranger.get(f"/v1/cases/{case.case_id}/suggestions"),
            await stranger.post(
                f"/v1/cases/{case.case_id}/message",
                json={"id": str(uuid.uuid4()), "text": "x"},
                headers={"If-Match": '"1"'},
            ),
        ]

    assert [each.status_code for each in answers] == [404] * 3
