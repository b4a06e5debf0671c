"""Files of cases: what the queue lists, all of it, on record, harmless in a spreadsheet."""

import csv
import datetime as dt
import io
import json
import re
import zipfile
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pypdf import PdfReader
from sqlalchemy import Engine, text

from api.clock import now_asked
from api.exports import routes as exports
from api.exports.files import COLUMNS, MARK, harmless
from api.reports.tables import Report
from tests.factories import caller, make_officer, make_report, make_station

EVIL = '=HYPERLINK("http://evil","x")'


@pytest.fixture
def station(engine: Engine) -> str:
    """A ward's police."""
    return make_station(engine, province_code="01").id


async def fetched(app: FastAPI, token: str, name: str, **asked: Any) -> httpx.Response:
    """An export."""
    async with caller(app, token) as client:
        answer = await client.get(f"/v1/exports/{name}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer


def lines_of(answer: httpx.Response) -> list[dict[str, str]]:
    """The lines of a CSV."""
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def queue_ids(app: FastAPI, token: str, **asked: Any) -> list[str]:
    """What the queue lists, page after page."""
    ids: list[str] = []
    cursor = None
    async with caller(app, token) as client:
        while True:
            params = {**asked, "limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/queue", params=params)).json()
            ids += [case["case_id"] for case in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return ids


@pytest.mark.parametrize(
    "asked",
    [{}, {"urgency": 2}, {"state": "any"}, {"q": "karaoke"}, {"bbox": "105.8,21.0,105.9,21.1"}],
)
async def test_a_file_holds_exactly_what_the_queue_lists(
    app: FastAPI, engine: Engine, station: str, asked: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(exports, "SLICE", 2)
    other = make_station(engine).id
    for n in range(7):
        make_report(engine, station, urgency=n % 3 + 1, state="received" if n else "resolved")
    make_report(engine, other, informed=(station,))
    make_report(engine, other)
    token = make_officer(engine, station)

    expected = await queue_ids(app, token, **asked)
    lines = lines_of(await fetched(app, token, "cases.csv", **asked))
    features = (await fetched(app, token, "cases.geojson", **asked)).json()["features"]

    assert [line["case_id"] for line in lines] == expected
    assert [feature["id"] for feature in features] == expected


async def test_every_line_says_who_took_it_out(app: FastAPI, engine: Engine, station: str) -> None:
    make_report(engine, station)
    token = make_officer(engine, station)

    (line,) = lines_of(await fetched(app, token, "cases.csv"))
    collection = (await fetched(app, token, "cases.geojson")).json()

    assert list(line) == [*COLUMNS, MARK]
    for mark in (line[MARK], collection[MARK], collection["features"][0]["properties"][MARK]):
        assert station in mark
        assert "officer." in mark


async def test_a_file_has_the_day_in_vietnam_in_its_name(
    app: FastAPI, engine: Engine, station: str
) -> None:
    night = dt.datetime(2026, 11, 22, 22, 0, tzinfo=dt.UTC)
    token = make_officer(engine, station, now=night)

    app.dependency_overrides[now_asked] = lambda: night
    try:
        answer = await fetched(app, token, "cases.csv")
    finally:
        del app.dependency_overrides[now_asked]

    assert "tinbao-20261123-" in answer.headers["content-disposition"]


async def test_cells_that_look_like_formulas_are_words(
    app: FastAPI, engine: Engine, station: str
) -> None:
    make_report(engine, station, text=EVIL, place_note="@cmd")
    token = make_officer(engine, station)

    (line,) = lines_of(await fetched(app, token, "cases.csv"))
    workbook = await fetched(app, token, "cases.xlsx")

    assert line["text"] == "'" + EVIL
    assert line["place_note"] == "'@cmd"
    with zipfile.ZipFile(io.BytesIO(workbook.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "HYPERLINK" in sheet
    assert "<f>" not in sheet


@pytest.mark.parametrize(
    "cell",
    ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "＝1+1", "＠x", "\ta"],
)
def test_what_a_spreadsheet_would_compute_is_quoted(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=1", 1, -1.5, None, "ma túy"])
def test_everything_else_stays_as_it_is(cell: Any) -> None:
    assert harmless(cell) == cell


async def test_a_workbook_has_a_line_for_each_case(
    app: FastAPI, engine: Engine, station: str
) -> None:
    for _ in range(5):
        make_report(engine, station)

    answer = await fetched(app, make_officer(engine, station), "cases.xlsx")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        rows = re.findall(r"<row ", book.read("xl/worksheets/sheet1.xml").decode())
    assert len(rows) == 6


async def test_an_export_is_on_record_before_and_after(
    app: FastAPI, engine: Engine, station: str
) -> None:
    make_report(engine, station)
    await fetched(app, make_officer(engine, station), "cases.csv", urgency=1)

    with engine.connect() as connection:
        kept = connection.execute(
            text("select * from exports where station_id = :station"), {"station": station}
        ).one()
        audited = connection.execute(
            text("select action, scope from audit_events where object_id = :id"),
            {"id": str(kept.id)},
        ).one()
    assert (kept.format, kept.filter, kept.cases) == ("csv", {"urgency": [1]}, 1)
    assert kept.finished_at is not None
    assert audited == ("export.created", station)


async def test_a_file_that_was_cut_off_is_not_recorded_as_finished(
    app: FastAPI, engine: Engine, station: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_report(engine, station)

    def break_off(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(exports, "queue_item", break_off)
    with pytest.raises(AssertionError):  # the client's: the answer has not ended
        await fetched(app, make_officer(engine, station), "cases.csv")

    with engine.connect() as connection:
        finished = connection.execute(
            text("select finished_at from exports where station_id = :station"),
            {"station": station},
        ).scalar_one()
    assert finished is None


async def test_an_odd_filter_or_format_is_refused(
    app: FastAPI, engine: Engine, station: str
) -> None:
    async with caller(app, make_officer(engine, station)) as client:
        for path in ("cases.csv?bbox=1,2,3", "cases.pdf", "cases.csv?urgency=9"):
            assert (await client.get(f"/v1/exports/{path}")).status_code == 422


def words_of(answer: httpx.Response) -> str:
    """The words of a PDF."""
    pages = PdfReader(io.BytesIO(answer.content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


async def printed(app: FastAPI, token: str, case: Report) -> str:
    """The intake record's words."""
    async with caller(app, token) as client:
        answer = await client.get(f"/v1/cases/{case.case_id}/record.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return words_of(answer)


async def test_the_record_is_in_vietnamese_and_complete(
    app: FastAPI, engine: Engine, station: str, town: Any
) -> None:
    words = "Nhóm thanh niên tụ tập, nghi có ma túy, ở ngõ 12 đường Nguyễn Trãi."
    case = make_report(
        engine, station, text=words, register_number=7, register_year=2026, state="acknowledged"
    )

    page = await printed(app, make_officer(engine, station), case)

    for expected in (
        "PHIẾU TIẾP NHẬN TIN BÁO", "Số: 7/2026", "Công an phường Thử Nghiệm".upper(), words,
        "Đã tiếp nhận", "Qua ứng dụng", "12 giờ 00, ngày 22/11/2026", "sai số 25 m",
    ):  # fmt: skip
        assert expected in page


async def test_words_cannot_command_the_typesetter(
    app: FastAPI, engine: Engine, station: str, town: Any
) -> None:
    words = '#panic("x") $a_b$ *đậm* \\ "ngoặc" #read("/etc/passwd") </script> {{x}}'
    case = make_report(engine, station, text=words)

    page = await printed(app, make_officer(engine, station), case)

    assert words in page
    assert "root:" not in page


async def test_the_record_of_a_long_report_has_several_pages(
    app: FastAPI, engine: Engine, station: str, town: Any
) -> None:
    case = make_report(engine, station, text="Một dòng dài vừa phải.\n" * 300)

    page = await printed(app, make_officer(engine, station), case)

    assert page.count("Một dòng dài vừa phải.") == 300
    assert json.dumps(page)
