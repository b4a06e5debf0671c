"""Every message we can send: its key, the facts it needs, its words in Vietnamese and English.

A push never carries these words: what a lock screen shows is `push_text`, and that says nothing.
"""

import string
from collections.abc import Mapping
from typing import Any

LANGUAGES = ("vi", "en")
"""The first is what a reader gets who asked for nothing."""

WORDS: dict[str, dict[str, str]] = {
    "report.received": {
        "vi": (
            "Tin báo của bạn đã được gửi đến {station}. Hãy giữ mã biên nhận: "
            "bạn cần mã này để hỏi kết quả về sau. "
            "Đây là xác nhận tự động, chưa có nghĩa là cán bộ đã đọc tin."
        ),
        "en": (
            "Your report has been sent to {station}. Keep the receipt code: "
            "with it you can ask later what became of the report. "
            "This is an automatic confirmation; it does not mean that an officer has read it yet."
        ),
    },
    "report.acknowledged": {
        "vi": "{station} đã tiếp nhận tin báo của bạn và vào sổ với số {register_number}.",
        "en": "{station} has taken up your report and entered it under number {register_number}.",
    },
    "report.progressed": {
        "vi": "{station} đang xử lý tin báo của bạn. {public_text}",
        "en": "{station} is working on your report. {public_text}",
    },
    "report.transferred": {
        "vi": (
            "Tin báo của bạn đã được chuyển đến {station}, nay là đơn vị chịu trách nhiệm. "
            "Bạn không phải làm gì thêm; mã biên nhận vẫn dùng được."
        ),
        "en": (
            "Your report has been handed to {station}, which is now responsible for it. "
            "You need not do anything; your receipt code stays valid."
        ),
    },
    "report.bounced": {
        "vi": (
            "Tin báo của bạn đã được trả về {station}, nay là đơn vị chịu trách nhiệm. "
            "Bạn không phải làm gì thêm; mã biên nhận vẫn dùng được."
        ),
        "en": (
            "Your report has been passed back to {station}, which is now responsible for it. "
            "You need not do anything; your receipt code stays valid."
        ),
    },
    "report.corrected": {
        "vi": (
            "Thông tin về tin báo của bạn đã được đính chính; "
            "{station} nay là đơn vị chịu trách nhiệm."
        ),
        "en": (
            "What is on record about your report has been corrected; "
            "{station} is now responsible for it."
        ),
    },
    "report.rerouted": {
        "vi": (
            "Tin báo của bạn nay thuộc trách nhiệm của {station}. "
            "Bạn không phải làm gì thêm; mã biên nhận vẫn dùng được."
        ),
        "en": (
            "{station} is now responsible for your report. "
            "You need not do anything; your receipt code stays valid."
        ),
    },
    "report.questioned": {
        "vi": (
            "{station} cần hỏi bạn thêm về tin báo. Mời bạn mở tin báo để đọc và trả lời; "
            "tên và số điện thoại của bạn vẫn được giữ kín."
        ),
        "en": (
            "{station} has a question about your report. Please open the report to read and "
            "answer it; your name and phone number stay sealed."
        ),
    },
    "report.messaged": {
        "vi": "{station} có lời nhắn về tin báo của bạn. Mời bạn mở tin báo để đọc.",
        "en": "{station} has sent you a message about your report. Open the report to read it.",
    },
    "report.answered": {
        "vi": "Lời nhắn của bạn đã đến {station}.",
        "en": "Your message has reached {station}.",
    },
    "report.resolved": {
        "vi": (
            "{station} đã giải quyết xong tin báo của bạn. {public_text} Nếu chưa đồng ý, "
            "bạn có thể đề nghị xem lại trong 14 ngày."
        ),
        "en": (
            "{station} has dealt with your report. {public_text} If you do not agree, "
            "you can ask for another look within 14 days."
        ),
    },
    "report.dismissed": {
        "vi": (
            "{station} đã xem xét và kết thúc tin báo của bạn. {public_text} Nếu chưa đồng ý, "
            "bạn có thể đề nghị xem lại trong 14 ngày."
        ),
        "en": (
            "{station} has looked into your report and closed it. {public_text} If you do not "
            "agree, you can ask for another look within 14 days."
        ),
    },
    "report.linked": {
        "vi": (
            "{station} đã nhận được tin khác về cùng sự việc và xử lý chung. "
            "Cảm ơn bạn: tin của bạn vẫn được lưu riêng, người báo khác không xem được. "
            "Nếu là việc khác, bạn có thể đề nghị xem lại trong 14 ngày."
        ),
        "en": (
            "{station} has other word of the same matter and deals with them together. "
            "Thank you: your report stays your own, and nobody else who reported can see it. "
            "If it is another matter, you can ask for another look within 14 days."
        ),
    },
    "report.withdrawn": {
        "vi": (
            "Bạn đã rút tin báo; {station} đã được báo. Nếu đổi ý, bạn có thể mở lại trong 14 ngày."
        ),
        "en": (
            "You have withdrawn your report, and {station} has been told. "
            "If you change your mind, you can reopen it within 14 days."
        ),
    },
    "report.reopened": {
        "vi": "Tin báo của bạn đã được mở lại; {station} sẽ xem xét lại.",
        "en": "Your report is open again; {station} will take another look at it.",
    },
    "report.confirmed": {
        "vi": (
            "{station} đã xác nhận việc hòa giải trong tin báo của bạn. {public_text} "
            "Nếu chưa đồng ý, bạn có thể đề nghị xem lại trong 14 ngày."
        ),
        "en": (
            "{station} has confirmed the reconciliation you reported. {public_text} "
            "If you do not agree, you can ask for another look within 14 days."
        ),
    },
    "group.report_rerouted": {
        "vi": "Một tin báo gửi với danh nghĩa {group} nay thuộc trách nhiệm của {station}.",
        "en": "{station} is now responsible for a report that was filed as {group}.",
    },
    "case.urgent": {
        "vi": "Có vụ việc khẩn cấp mới trong hàng chờ của đơn vị.",
        "en": "There is a new urgent case in your station's queue.",
    },
    "case.overdue": {
        "vi": "Có vụ việc quá hạn cần xem.",
        "en": "A case is overdue and wants looking at.",
    },
}

PUSH: dict[str, tuple[str, str]] = {
    "vi": ("TinBáo", "Có thông tin mới về tin báo của bạn."),
    "en": ("TinBáo", "There is an update to your report."),
}
"""Title and body of every push to a reporter, whatever it is about."""
OFFICERS_PUSH: dict[str, tuple[str, str]] = {
    "vi": ("TinBáo", "Có tin báo khẩn đang chờ tại đơn vị."),
    "en": ("TinBáo", "An urgent report is waiting at your station."),
}
"""Of a push to an officer's phone."""
FOR_OFFICERS = frozenset({"case.urgent"})


def placeholders(words: str) -> frozenset[str]:
    """The names of the facts a sentence needs."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(words) if name)


KINDS: dict[str, frozenset[str]] = {
    kind: placeholders(words[LANGUAGES[0]]) for kind, words in WORDS.items()
}
"""Which facts each kind of message needs, no fewer and no more."""


def check(kind: str, data: Mapping[str, Any]) -> None:
    """Raise ValueError unless `data` holds exactly the facts that `kind` needs."""
    if kind not in KINDS:
        raise ValueError(f"There is no message {kind!r}.")
    if data.keys() != KINDS[kind]:
        raise ValueError(f"A message {kind} needs {sorted(KINDS[kind])}, not {sorted(data)}.")


def render(kind: str, language: str, data: Mapping[str, Any]) -> str:
    """The sentence a reporter reads; ValueError where `kind`, `language` or `data` do not fit."""
    check(kind, data)
    check_language(language)
    return WORDS[kind][language].format_map(data).rstrip()


def push_text(kind: str, language: str) -> tuple[str, str]:
    """Title and body of a push; they say nothing about the report."""
    check_language(language)
    return (OFFICERS_PUSH if kind in FOR_OFFICERS else PUSH)[language]


def check_language(language: str) -> None:
    """Raise ValueError for a language we have no words in."""
    if language not in LANGUAGES:
        raise ValueError(f"There are no words in {language!r}.")
