"""What a layer says to people, Vietnamese first."""

from api.i18n import Language

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Nơi tập trung tin báo", "Where reports concentrate"),
    "caveat": (
        "Đây là tin báo, không phải tội phạm; nơi ít tin báo không có nghĩa là an toàn.",
        "These are reports, not crimes; few reports do not mean that a place is safe.",
    ),
    "none": (
        (
            "Không có gì khác thường: không nơi nào có nhiều tin báo hơn mức ngẫu nhiên giải"
            " thích được."
        ),
        "Nothing unusual: no place has more reports than chance explains.",
    ),
    "some": (
        "Số ô có nhiều tin báo hơn mức ngẫu nhiên giải thích được: {count}; đang tăng: {rising}.",
        "Cells with more reports than chance explains: {count}; rising: {rising}.",
    ),
    "rising": (
        "Không nơi nào tập trung khác thường; số ô đang tăng: {rising}.",
        "No place stands out; cells that are rising: {rising}.",
    ),
    "sensitive": (
        "Loại tin nhạy cảm: chỉ cho biết tổng số theo xã, phường.",
        "Sensitive reports: told by whole wards only.",
    ),
    "top1": ("1% diện tích cao nhất", "top 1% of the area"),
    "top5": ("4% tiếp theo", "next 4%"),
    "top10": ("5% tiếp theo", "next 5%"),
    "rest": ("còn lại", "the rest"),
    "hidden": ("không đủ người báo tin để cho biết", "not enough reporters to tell"),
    "outlined": ("nhiều hơn mức ngẫu nhiên", "more than chance explains"),
    "all": ("Tất cả", "All"),
    "property": ("Xâm phạm sở hữu", "Property"),
    "violence": ("Bạo lực", "Violence"),
    "drugs_gambling": ("Ma túy, cờ bạc", "Drugs, gambling"),
    "public_order": ("Trật tự công cộng", "Public order"),
    "safety": ("An toàn", "Safety"),
    "other": ("Khác", "Other"),
    "sensitive_group": ("Nhạy cảm", "Sensitive"),
}


def say(key: str, language: Language, **facts: object) -> str:
    """The sentence of a key in a language."""
    vi, en = WORDS[key]
    return (vi if language == "vi" else en).format(**facts)


def sentence(answer: dict[str, int], language: Language, *, sensitive: bool) -> str:
    """What the layer comes to."""
    count, rising = answer["hotspots_found"], answer["rising_found"]
    if sensitive:
        return say("sensitive", language)
    if count:
        return say("some", language, count=count, rising=rising)
    return say("rising", language, rising=rising) if rising else say("none", language)
