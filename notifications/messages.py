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
}

PUSH: dict[str, tuple[str, str]] = {
    "vi": ("TinBáo", "Có thông tin mới về tin báo của bạn."),
    "en": ("TinBáo", "There is an update to your report."),
}
"""Title and body of every push, whatever it is about."""


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
    return WORDS[kind][language].format_map(data)


def push_text(language: str) -> tuple[str, str]:
    """Title and body of a push; they say nothing about the report."""
    check_language(language)
    return PUSH[language]


def check_language(language: str) -> None:
    """Raise ValueError for a language we have no words in."""
    if language not in LANGUAGES:
        raise ValueError(f"There are no words in {language!r}.")
