"""Cases written into files as they are read: memory does not grow with their number.

A case is what officers see of it anywhere (`triage.queue_schemas`): the exports add no column of
their own but the mark, which says on every line who took the file out.
"""

import asyncio
import csv
import io
import json
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from xlsxwriter import Workbook

from api.exports.tables import Format
from api.triage.queue_schemas import QueueItemOut

Cell = str | int | float | None

COLUMNS: dict[str, Callable[[dict[str, Any]], Cell]] = {
    "case_id": lambda case: case["case_id"],
    "register_number": lambda case: case["register_number"],
    "state": lambda case: case["state"],
    "relation": lambda case: case["relation"],
    "channel": lambda case: case["channel"],
    "kind": lambda case: case["kind"],
    "category": lambda case: case["category"],
    "category_word": lambda case: case["category_word"],
    "urgency": lambda case: case["urgency"],
    "received_at": lambda case: case["received_at"],
    "observed_at": lambda case: case["observed_at"],
    "due_at": lambda case: case["order"]["due_at"],
    "text": lambda case: case["text"],
    "language": lambda case: case["language"],
    "lon": lambda case: case["place"]["lon"],
    "lat": lambda case: case["place"]["lat"],
    "accuracy_m": lambda case: case["place"]["accuracy_m"],
    "place_source": lambda case: case["place"]["source"],
    "place_note": lambda case: case["place"]["note"],
    "ward_code": lambda case: case["ward_code"],
    "confidence": lambda case: case["confidence"],
    "flags": lambda case: " ".join(case["flags"]),
    "group": lambda case: case["group"] and case["group"]["name"],
    "assignee": lambda case: case["assignee"],
}
MARK = "export"

FORMULA = re.compile(
    "[\\s\u00ad\u200b-\u200d\u2060\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]"
)
"""How a cell begins that a spreadsheet would compute: some leave out what is not seen before it, or
take wide signs for theirs."""
SHEET_ROWS = 1_000_000
"""A sheet of a workbook has a few more lines than this, and no more."""
CHUNK = 64 * 1024


def harmless(cell: Cell) -> Cell:
    """A text that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and FORMULA.match(cell):
        return f"'{cell}"
    return cell


def line(case: dict[str, Any], mark: str) -> list[Cell]:
    """A case as a line of a table."""
    return [*(harmless(read(case)) for read in COLUMNS.values()), mark]


class File(ABC):
    """A file in the making: each call answers the bytes that are ready to be sent."""

    media_type: ClassVar[str]

    def __init__(self, mark: str) -> None:
        self.mark = mark

    @abstractmethod
    def begin(self) -> bytes:
        """What comes before the first case."""

    @abstractmethod
    def add(self, cases: Sequence[QueueItemOut]) -> bytes:
        """Some cases."""

    @abstractmethod
    def end(self) -> AsyncIterator[bytes]:
        """What comes after the last case."""

    def close(self) -> None:  # noqa: B027 - most files need nothing
        """Let go of what the file needed, finished or not."""


class CsvFile(File):
    """Comma-separated, with the byte-order mark by which spreadsheets know UTF-8."""

    media_type = "text/csv; charset=utf-8"

    def begin(self) -> bytes:
        """The names of the columns."""
        return b"\xef\xbb\xbf" + self.written([[*COLUMNS, MARK]])

    def add(self, cases: Sequence[QueueItemOut]) -> bytes:
        """A line for each case."""
        return self.written([line(case.model_dump(mode="json"), self.mark) for case in cases])

    async def end(self) -> AsyncIterator[bytes]:
        """Nothing more."""
        yield b""

    @staticmethod
    def written(lines: Sequence[Sequence[Cell]]) -> bytes:
        """Lines as bytes."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC).writerows(lines)
        return text.getvalue().encode()


class GeoJsonFile(File):
    """A FeatureCollection (RFC 7946); cases without a place have no geometry."""

    media_type = "application/geo+json"

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self._separator = ""

    def begin(self) -> bytes:
        """The collection's own members."""
        mark = json.dumps(self.mark, ensure_ascii=False)
        return f'{{"type": "FeatureCollection", "{MARK}": {mark}, "features": ['.encode()

    def add(self, cases: Sequence[QueueItemOut]) -> bytes:
        """A feature for each case."""
        parts = []
        for case in cases:
            feature = json.dumps(self.feature(case.model_dump(mode="json")), ensure_ascii=False)
            parts.append(f"{self._separator}\n{feature}")
            self._separator = ","
        return "".join(parts).encode()

    async def end(self) -> AsyncIterator[bytes]:
        """The closing brackets."""
        yield b"\n]}\n"

    def feature(self, case: dict[str, Any]) -> dict[str, Any]:
        """One case."""
        place = case["place"]
        point = {"type": "Point", "coordinates": [place["lon"], place["lat"]]}
        facts = {name: read(case) for name, read in COLUMNS.items() if name not in ("lon", "lat")}
        return {
            "type": "Feature",
            "id": case["case_id"],
            "geometry": None if place["lon"] is None else point,
            "properties": facts | {MARK: self.mark},
        }


class XlsxFile(File):
    """A workbook, made on the disk line by line and sent when it is whole."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self._folder = tempfile.TemporaryDirectory(prefix="tinbao-export-")
        self._path = Path(self._folder.name) / "cases.xlsx"
        self._book = Workbook(
            str(self._path), {"constant_memory": True, "tmpdir": self._folder.name}
        )
        self._book.set_properties({"title": "TinBáo", "comments": mark})
        self._row = SHEET_ROWS

    def begin(self) -> bytes:
        """Nothing can be sent yet."""
        self._turn_over()
        return b""

    def add(self, cases: Sequence[QueueItemOut]) -> bytes:
        """A line for each case; nothing to send yet."""
        for case in cases:
            if self._row >= SHEET_ROWS:
                self._turn_over()
            self._write(line(case.model_dump(mode="json"), self.mark))
        return b""

    async def end(self) -> AsyncIterator[bytes]:
        """The whole workbook."""
        await asyncio.to_thread(self._book.close)
        with self._path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk

    def close(self) -> None:
        """Remove what is on the disk."""
        self._folder.cleanup()

    def _turn_over(self) -> None:
        """Another sheet."""
        self._sheet = self._book.add_worksheet()
        self._sheet.set_footer(f"&L{self.mark.replace('&', '&&')}&R&P/&N")
        self._row = 0
        self._write([*COLUMNS, MARK])

    def _write(self, cells: Sequence[Cell]) -> None:
        """One line: numbers as numbers, everything else as plain text."""
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._row, column, cell)
            elif cell is not None:
                self._sheet.write_number(self._row, column, cell)
        self._row += 1


def small_table(lines: Sequence[Sequence[Cell]], kind: Literal["csv", "xlsx"], mark: str) -> bytes:
    """A table that is small enough to be made in memory, the names of its columns first."""
    if kind == "csv":
        return b"\xef\xbb\xbf" + CsvFile.written(lines)
    made = io.BytesIO()
    with Workbook(made, {"in_memory": True}) as book:
        book.set_properties({"title": "TinBáo", "comments": mark})
        sheet = book.add_worksheet()
        sheet.set_footer(f"&L{mark.replace('&', '&&')}&R&P/&N")
        sheet.freeze_panes(1, 0)
        for row, cells in enumerate(lines):
            for column, cell in enumerate(cells):
                if isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write_number(row, column, cell)
    return made.getvalue()


FILES: dict[Format, type[File]] = {
    Format.CSV: CsvFile,
    Format.XLSX: XlsxFile,
    Format.GEOJSON: GeoJsonFile,
}
