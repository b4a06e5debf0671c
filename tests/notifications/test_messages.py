"""Words people read."""

import pytest

from notifications import messages

SAMPLES = {
    "station": "Công an phường {0} %s",
    "register_number": 17,
    "public_text": "Đã đến {nơi} 100%.",
    "group": "Tổ tự quản {1} 50%",
}


@pytest.mark.parametrize("kind", messages.WORDS)
def test_every_message_has_both_languages_and_the_same_placeholders(kind: str) -> None:
    words = messages.WORDS[kind]

    assert tuple(words) == messages.LANGUAGES
    assert {messages.placeholders(each) for each in words.values()} == {messages.KINDS[kind]}


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("kind", messages.WORDS)
def test_every_message_renders_its_facts_as_they_are(kind: str, language: str) -> None:
    data = {name: SAMPLES[name] for name in messages.KINDS[kind]}

    sentence = messages.render(kind, language, data)

    assert all(str(value) in sentence for value in data.values())


def test_a_received_report_is_not_said_to_have_been_read() -> None:
    sentence = messages.render("report.received", "en", {"station": "Hàng Bạc Ward Police"})

    assert "Hàng Bạc Ward Police" in sentence
    assert "receipt code" in sentence
    assert "does not mean that an officer has read it" in sentence


@pytest.mark.parametrize(
    ("kind", "language", "data"),
    [
        ("report.eaten", "vi", {}),
        ("report.received", "vi", {}),
        ("report.received", "vi", {"station": "X", "category": "drugs"}),
        ("report.received", "fr", {"station": "X"}),
    ],
)
def test_a_message_with_other_facts_or_in_another_language_is_a_callers_mistake(
    kind: str, language: str, data: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"^(There|A message)"):
        messages.render(kind, language, data)


def test_a_push_says_the_same_whatever_it_is_about() -> None:
    told = {
        language: {kind: messages.push_text(kind, language) for kind in messages.KINDS}
        for language in messages.LANGUAGES
    }

    officers = {language: each.pop("case.urgent") for language, each in told.items()}
    assert {language: set(each.values()) for language, each in told.items()} == {
        "en": {("TinBáo", "There is an update to your report.")},
        "vi": {("TinBáo", "Có thông tin mới về tin báo của bạn.")},
    }
    assert officers == {
        "en": ("TinBáo", "An urgent report is waiting at your station."),
        "vi": ("TinBáo", "Có tin báo khẩn đang chờ tại đơn vị."),
    }
