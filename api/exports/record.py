"""The intake record of a case as a page to print and file: Vietnamese, and nobody's identity."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from api.clock import VIETNAM
from api.reports.categories import Category
from api.reports.tables import Channel, PlaceSource, ReportKind, State
from api.triage.schemas import CaseOut

TEMPLATE = Path(__file__).with_name("record.typ")
AT_ONCE = asyncio.Semaphore(1)
"""Typesetting takes a fifth of a second of a core: it must not crowd out intake."""

TITLE = "PHIẾU TIẾP NHẬN TIN BÁO"
NOTICE = (
    "Phiếu không ghi danh tính người báo tin. Hệ thống giữ kín danh tính theo quy định; "
    "cán bộ không được tự tìm hiểu ai là người báo tin."
)
UNKNOWN = "Không rõ"
NOT_YET = "chưa vào sổ"

KINDS = {
    ReportKind.TIP: "Tin báo",
    ReportKind.CRIME_REPORT: "Tố giác, tin báo về tội phạm",
    ReportKind.PUBLIC_ORDER: "Trật tự công cộng",
    ReportKind.PETITION: "Kiến nghị, phản ánh",
    ReportKind.COMPLAINT_ABOUT_POLICE: "Phản ánh về cán bộ công an",
    ReportKind.GROUP_RECONCILIATION: "Kết quả hòa giải của tổ tự quản",
}
STATES = {
    State.RECEIVED: "Mới nhận",
    State.ACKNOWLEDGED: "Đã tiếp nhận",
    State.IN_PROGRESS: "Đang giải quyết",
    State.NEED_INFO: "Chờ bổ sung thông tin",
    State.RESOLVED: "Đã giải quyết",
    State.NOT_ACTIONABLE: "Không đủ cơ sở giải quyết",
    State.DUPLICATE: "Trùng với vụ việc khác",
    State.WITHDRAWN: "Người báo đã rút",
}
CHANNELS = {
    Channel.APP: "Qua ứng dụng",
    Channel.WALK_IN: "Trực tiếp tại trụ sở",
    Channel.PHONE: "Qua điện thoại",
    Channel.LETTER: "Qua thư",
}
SOURCES = {
    PlaceSource.GPS: "định vị GPS",
    PlaceSource.NETWORK: "định vị qua mạng",
    PlaceSource.PIN: "chấm trên bản đồ",
    PlaceSource.ADDRESS: "theo địa chỉ",
    PlaceSource.UNKNOWN: "không rõ vị trí",
}
URGENCIES = {1: "Bình thường", 2: "Gấp", 3: "Khẩn cấp"}


def facts(
    case: CaseOut, *, station: str, province: str, categories: Mapping[str, Category], mark: str
) -> dict[str, Any]:
    """What stands on the page."""
    category = categories.get(case.category)
    named = category.name("vi") if category else case.category
    return {
        "title": TITLE,
        "mark": mark,
        "province": province,
        "station": station,
        "number": case.register_number or NOT_YET,
        "lines": [
            ["Thời điểm nhận", at(case.received_at)],
            ["Thời điểm xảy ra", at(case.observed_at) if case.observed_at else UNKNOWN],
            ["Hình thức tiếp nhận", CHANNELS[case.channel]],
            ["Loại", KINDS[case.kind]],
            ["Lĩnh vực", named],
            ["Mức độ", URGENCIES[case.urgency]],
            ["Địa điểm", place(case)],
            ["Tình trạng", STATES[case.state]],
        ],
        "text": case.text,
        "notice": NOTICE,
    }


def at(moment: Any) -> str:
    """A moment as it is written on forms."""
    return f"{moment.astimezone(VIETNAM):%H giờ %M, ngày %d/%m/%Y}"


def place(case: CaseOut) -> str:
    """Where it is, as far as is known."""
    where = case.place
    parts = [where.note] if where.note else []
    if where.lon is not None and where.lat is not None:
        circle = f", sai số {where.accuracy_m:.0f} m" if where.accuracy_m else ""
        parts.append(f"{where.lat:.6f}, {where.lon:.6f} ({SOURCES[where.source]}{circle})")
    return "; ".join(parts) or UNKNOWN


async def typeset(page: Mapping[str, Any]) -> bytes:
    """The page as PDF. What is on it is text to the typesetter, whatever it says."""
    given = {"record": json.dumps(page, ensure_ascii=False)}
    async with AT_ONCE:
        return await asyncio.to_thread(
            typst.compile, str(TEMPLATE), format="pdf", sys_inputs=given, ignore_system_fonts=True
        )
