"""What trends say to people, Vietnamese first: numbers in bands, what was expected, by what chance.

None of it calls a report a crime, and few reports are never called safety.
"""

from collections.abc import Mapping
from typing import Any

from api.i18n import Language

WORDS: dict[str, tuple[str, str]] = {
    "caveat": (
        "Đây là tin báo, không phải tội phạm; ít tin báo không có nghĩa là an toàn.",
        "These are reports, not crimes; few reports do not mean that a place is safe.",
    ),
    "unchanged": (
        "Không có gì khác thường so với những tuần trước.",
        "Nothing is unusual compared with the weeks before.",
    ),
    "changed": (
        "Số thay đổi khó có thể chỉ do ngẫu nhiên: {count}.",
        "Changes that are hardly by chance alone: {count}.",
    ),
    "unknown": (
        "Chưa đủ số liệu để nói thế nào là bình thường.",
        "There is not enough yet to say what is usual.",
    ),
    "more": (
        "{place}, {group}: {count} người báo tin trong {days} ngày đến {last}, hơn thường lệ.",
        "{place}, {group}: {count} reporters in the {days} days to {last}, more than usual.",
    ),
    "fewer": (
        "{place}: {count} người báo tin trong {days} ngày đến {last}, ít hơn thường lệ.",
        "{place}: {count} reporters in the {days} days to {last}, fewer than usual.",
    ),
    "rising": (
        (
            "{place}, {group}: một nơi trên bản đồ có {count} người báo tin trong {days} ngày đến"
            " {last}, tăng so với trước."
        ),
        (
            "{place}, {group}: a place on the map has {count} reporters in the {days} days to"
            " {last}, more than before."
        ),
    ),
    "chance": (
        "Thường khoảng {expected}; khả năng chỉ do ngẫu nhiên không quá {chance}%.",
        "Usually about {expected}; by chance alone at most {chance}%.",
    ),
    "chance.only": (
        "Khả năng chỉ do ngẫu nhiên không quá {chance}%.",
        "By chance alone at most {chance}%.",
    ),
    "channel": (
        "Có thể kênh tiếp nhận bị hỏng hoặc người dân không báo được: hãy kiểm tra.",
        "A way of reporting may be broken, or people cannot reach it: have it looked at.",
    ),
    "few": ("dưới 5", "fewer than 5"),
    "country": ("Cả nước", "The country"),
    "group.all": ("mọi nhóm", "all groups"),
    "group.property": ("tài sản", "property"),
    "group.violence": ("bạo lực", "violence"),
    "group.drugs_gambling": ("ma túy, cờ bạc", "drugs and gambling"),
    "group.public_order": ("trật tự công cộng", "public order"),
    "group.safety": ("an toàn", "safety"),
    "group.other": ("việc khác", "other matters"),
}


MANY = "50+"
"""The last band; what is more than expected is told as more than that, where this would be less."""


def say(key: str, language: Language, **facts: object) -> str:
    """The sentence of a key in a language."""
    vi, en = WORDS[key]
    return (vi if language == "vi" else en).format(**facts)


def alert_text(data: Mapping[str, Any], language: Language) -> str:
    """What an alert says, of the facts that are kept of it."""
    name, band = f"group.{data['group']}", data["count_band"]
    if band == MANY and data["direction"] == "more" and data["expected"] is not None:
        band = f"{max(data['expected'], 50)}+"
    facts = {
        "place": data["place"] or say("country", language),
        "group": say(name, language) if name in WORDS else data["group"],
        "days": data["days"],
        "last": data["last"],
        "count": say("few", language) if band == "<5" else band,
        "expected": data["expected"],
        "chance": f"{100 * data['q']:g}",
    }
    chance = "chance" if data["expected"] is not None else "chance.only"
    keys = [data["direction"], chance, "caveat"]
    if data["direction"] == "fewer":
        keys.insert(2, "channel")
    return " ".join(say(key, language, **facts) for key in keys)
