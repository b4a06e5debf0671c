"""What a station and a reporter say to each other, and who sees what of it."""

import asyncio
import unicodedata
import uuid

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.identity import receipt_token
from api.accounts.tables import ReporterKind
from api.clock import now
from api.local.client import uuid7
from api.reports.tables import State
from api.secrets import Keys
from geo.tables import Station
from tests.casework import Desk, Phone, rows
from tests.factories import caller, make_station


@pytest.fixture
def station(engine: Engine) -> Station:
    """The station of both."""
    return make_station(engine, name="Công an phường Cửa Nam", province_code="01")


@pytest.fixture
def desk(app: FastAPI, engine: Engine, station: Station) -> Desk:
    """A duty officer's."""
    return Desk(app, engine, station)


@pytest.fixture
def phone(app: FastAPI, engine: Engine, keys: Keys, station: Station) -> Phone:
    """A reporter's."""
    return Phone(app, engine, keys, station)


async def test_a_question_waits_for_its_answer(desk: Desk, phone: Phone) -> None:
    case = phone.send()
    await desk.take(case)

    asked = await desk.done(case, "question", text="Xảy ra lúc mấy giờ?")
    waiting = await phone.read()
    answer = await phone.say("Khoảng 23 giờ.")
    answered = await phone.read()

    assert (asked["state"], waiting["state"], waiting["question_open"]) == (
        "need_info", "need_info", True,
    )  # fmt: skip
    assert answer.status_code == 201
    assert (answered["state"], answered["question_open"]) == ("in_progress", False)
    thread = (await phone.messages())["items"]
    assert [(each["side"], each["station"], each["question"], each["text"]) for each in thread] == [
        ("station", "Công an phường Cửa Nam", True, "Xảy ra lúc mấy giờ?"),
        ("reporter", None, False, "Khoảng 23 giờ."),
    ]
    assert answer.json() == thread[1]
    seen = await desk.see(case)
    assert [(each["side"], each["text"]) for each in seen["messages"]] == [
        ("station", "Xảy ra lúc mấy giờ?"),
        ("reporter", "Khoảng 23 giờ."),
    ]
    assert phone.inbox_kinds(case) == [
        "report.acknowledged", "report.questioned", "report.answered",
    ]  # fmt: skip


async def test_the_station_speaks_without_a_persons_name(
    desk: Desk, phone: Phone, engine: Engine
) -> None:
    case = phone.send()
    await desk.done(case, "message", id=str(uuid.uuid4()), text="Chúng tôi đã đến nơi.")

    told = (await phone.http.get(f"{phone.url}/messages")).text + (
        await phone.http.get(phone.url)
    ).text

    by = (await desk.see(case))["messages"][0]["by"]
    staff = rows(engine, "select id from staff where username = :name", name=by)
    assert by.startswith("officer.")
    assert by not in told
    assert str(staff[0][0]) not in told


async def test_a_reporters_message_has_no_id_and_a_rounded_time_for_officers(
    desk: Desk, phone: Phone
) -> None:
    message_id = uuid7()
    for kind, exact in ((ReporterKind.DEVICE, False), (ReporterKind.ACCOUNT, True)):
        case = phone.send(reporter_kind=kind)
        await phone.say("Họ vừa quay lại.", message_id)

        seen = await desk.see(case)

        [message] = seen["messages"]
        [answered] = [each for each in seen["events"] if each["kind"] == "report.answered"]
        assert message["id"] is None
        assert message["at"] == answered["at"]
        rounded = message["at"].endswith(":00+07:00") and int(message["at"][14:16]) % 5 == 0
        assert rounded or exact
        assert ("." in message["at"]) == exact
        assert str(message_id) not in str(seen)


async def test_the_same_message_twice_is_one_message(desk: Desk, phone: Phone) -> None:
    case, message_id = phone.send(), uuid.uuid4()

    answers = await asyncio.gather(*(phone.say("Có hai người.", message_id) for _ in range(5)))
    again = await phone.say("Có hai người.", message_id)
    other = await phone.say("Có ba người.", message_id)

    assert sorted(each.status_code for each in answers) == [200, 200, 200, 200, 201]
    assert {each.text for each in (*answers, again)} == {again.text}
    assert (other.status_code, other.json()["code"]) == (409, "message-id-reused")
    assert len((await desk.see(case))["messages"]) == 1
    assert phone.inbox_kinds(case) == ["report.answered"]


async def test_an_officers_message_twice_is_one_message_whatever_the_version(
    desk: Desk, phone: Phone
) -> None:
    case, message_id = phone.send(), str(uuid.uuid4())

    answers = await asyncio.gather(
        *(desk.step(case, "message", 1, id=message_id, text="Đang đến.") for _ in range(4))
    )
    again = await desk.step(case, "message", 1, id=message_id, text="Đang đến.")
    other = await desk.step(case, "message", 1, id=message_id, text="Khác.")
    stale = await desk.step(case, "message", 1, id=str(uuid.uuid4()), text="Khác.")

    assert {each.status_code for each in (*answers, again)} == {200}
    assert (other.status_code, other.json()["code"]) == (409, "message-id-reused")
    assert stale.status_code == 412
    assert len((await desk.see(case))["messages"]) == 1
    assert phone.inbox_kinds(case) == ["report.messaged"]


async def test_both_sides_may_choose_the_same_id(desk: Desk, phone: Phone) -> None:
    case, message_id = phone.send(), uuid.uuid4()

    await desk.done(case, "message", id=str(message_id), text="Xin chào.")
    answer = await phone.say("Chào anh.", message_id)

    assert answer.status_code == 201
    assert [each["text"] for each in (await phone.messages())["items"]] == [
        "Xin chào.", "Chào anh.",
    ]  # fmt: skip


async def test_words_are_the_same_words_however_they_are_composed(phone: Phone) -> None:
    case, message_id = phone.send(), uuid.uuid4()
    composed = "Có người nghiện ma túy ở ngõ."

    first = await phone.say(unicodedata.normalize("NFD", composed), message_id)
    again = await phone.say(composed, message_id)

    assert case
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["text"] == composed


async def test_a_message_is_seen_by_who_had_the_case_on_the_screen(
    desk: Desk, phone: Phone
) -> None:
    case = phone.send()
    tag = f'"{(await desk.see(case))["version"]}"'

    await phone.say("Nhà số 12.")

    answer = await desk.http.get(f"/v1/cases/{case.case_id}", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert (await desk.step(case, "acknowledgement", 1)).status_code == 412


async def test_pages_of_the_dialogue_are_whole_and_in_order(desk: Desk, phone: Phone) -> None:
    case = phone.send()
    for number in range(7):
        if number % 2:
            await phone.say(f"Tin {number}")
        else:
            await desk.done(case, "message", id=str(uuid.uuid4()), text=f"Tin {number}")
    link, found, sizes = f"{phone.url}/messages?limit=3", [], []

    while link:
        answer = await phone.http.get(link)
        page = answer.json()
        found += [each["text"] for each in page["items"]]
        sizes.append(len(page["items"]))
        link = answer.links["next"]["url"] if page["next_cursor"] else ""

    assert found == [f"Tin {number}" for number in range(7)]
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize("state", [each for each in State if each != State.RECEIVED])
async def test_where_each_side_may_speak(desk: Desk, phone: Phone, state: State) -> None:
    case = phone.send(state=state)
    closed = state in (State.RESOLVED, State.NOT_ACTIONABLE, State.DUPLICATE, State.WITHDRAWN)

    told = await desk.step(case, "message", id=str(uuid.uuid4()), text="Xin cảm ơn.")
    said = await phone.say("Tôi còn muốn nói.")

    assert told.status_code == 200
    assert said.status_code == (409 if closed else 201)
    if closed:
        assert (said.json()["code"], said.json()["state_now"]) == ("transition-not-allowed", state)
    expected = State.IN_PROGRESS if state == State.NEED_INFO else state
    assert (await phone.read())["state"] == expected


@pytest.mark.parametrize("state", ["received", "need_info", "resolved", "withdrawn"])
async def test_a_question_is_asked_of_a_case_that_is_worked_on(
    desk: Desk, phone: Phone, state: str
) -> None:
    case = phone.send(state=state)

    answer = await desk.step(case, "question", text="Ở đâu?")

    assert (answer.status_code, answer.json()["state_now"]) == (409, state)
    assert (await phone.messages())["items"] == []


async def test_an_anonymous_reporter_answers_by_the_receipt_and_a_bound_device_too(
    app: FastAPI, engine: Engine, keys: Keys, station: Station, desk: Desk, phone: Phone
) -> None:
    case = phone.send(reporter_kind=ReporterKind.ANONYMOUS, reporter_key=None)
    await desk.take(case)
    await desk.done(case, "question", text="Mấy giờ?")
    holder = caller(app, receipt_token(keys, case.id, now().timestamp())[0])
    bound = Phone(app, engine, keys, station)
    with engine.begin() as owner:
        owner.exec_driver_sql(
            "insert into inbox_bindings (recipient, subject) values (%s, %s)", (bound.key, case.id)
        )
    bound.report_id = phone.report_id
    stranger = Phone(app, engine, keys, station)
    stranger.report_id = phone.report_id

    body = {"id": str(uuid.uuid4()), "text": "23 giờ."}
    answers = [
        await holder.post(f"{phone.url}/messages", json=body),
        await bound.say("Có hai xe."),
        await stranger.say("Tôi nghe lén."),
        await phone.say("Không còn khóa."),
    ]

    assert [each.status_code for each in answers] == [201, 201, 404, 404]
    assert (await holder.get(phone.url)).json()["state"] == "in_progress"
    texts = [each["text"] for each in (await bound.messages())["items"]]
    assert texts == ["Mấy giờ?", "23 giờ.", "Có hai xe."]
    [event] = [e for e in (await desk.see(case))["events"] if e["kind"] == "report.questioned"]
    assert event["data"] == {}


async def test_an_informed_station_reads_the_dialogue_and_adds_nothing(
    app: FastAPI, engine: Engine, desk: Desk, phone: Phone
) -> None:
    neighbour = make_station(engine)
    case = phone.send(informed=(neighbour.id,))
    await phone.say("Bên kia cầu.")
    beside = Desk(app, engine, neighbour)

    seen = await beside.see(case)
    told = await beside.step(case, "message", id=str(uuid.uuid4()), text="Của chúng tôi.")

    assert [each["text"] for each in seen["messages"]] == ["Bên kia cầu."]
    assert (told.status_code, told.json()["code"]) == (403, "read-only-case")
    assert (await phone.messages())["items"][1:] == []


async def test_a_reporter_who_never_stops_is_asked_to_wait(phone: Phone) -> None:
    phone.send()

    answers = [await phone.say(f"Tin {number}") for number in range(22)]

    assert [each.status_code for each in answers[:20]] == [201] * 20
    assert {each.status_code for each in answers[20:]} == {429}
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len((await phone.messages())["items"]) == 20


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": "x"}, "/id"),
        ({"id": "không", "text": "x"}, "/id"),
        ({"id": "019aa000-0000-7000-8000-000000000000", "text": ""}, "/text"),
        ({"id": "019aa000-0000-7000-8000-000000000000", "text": "x" * 5001}, "/text"),
        ({"id": "019aa000-0000-7000-8000-000000000000", "text": "\u202e"}, "/text"),
        ({"id": "019aa000-0000-7000-8000-000000000000", "text": " \n\u00a0"}, "/text"),
        ({"id": "019aa000-0000-7000-8000-000000000000", "text": "x", "at": 1}, ""),
    ],
)
async def test_a_bad_message_says_what_to_mend_on_both_sides(
    desk: Desk, phone: Phone, body: dict[str, object], pointer: str
) -> None:
    case = phone.send()

    answers: list[httpx.Response] = [
        await phone.act("messages", **body),
        await desk.step(case, "message", 1, **body),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
