"""Every setting is documented, there are few of them, and the modes refuse what they must."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.settings import LimitSettings, Settings, SettingsError
from api.settings_page import page, variables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
DATABASE = "postgresql://owner@127.0.0.1/tinbao"


def test_every_setting_is_documented() -> None:
    undescribed = [each.name for each in variables() if len(each.description) < 10]

    assert undescribed == []


def test_there_are_fewer_than_forty_settings() -> None:
    assert len(list(variables())) < 40


def test_the_page_says_what_the_settings_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m api.settings_page > docs/configuration.md"


def test_the_page_is_the_same_on_every_machine() -> None:
    assert str(PAGE.parent) not in page()


def test_nested_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINBAO_LIMITS__FACTOR", "2.5")
    monkeypatch.setenv("TINBAO_PUSH__TIMEOUT", "PT3S")

    settings = Settings()

    assert settings.limits.factor == 2.5
    assert settings.push.timeout.total_seconds() == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TINBAO_MODE", "staging"),
        ("TINBAO_PORT", "70000"),
        ("TINBAO_DATABASE_URL", "mysql://x/y"),
        ("TINBAO_LIMITS__FACTOR", "-1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        Settings()


def test_production_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINBAO_MODE", raising=False)

    assert Settings().mode == "production"


EMULATOR = {"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"}


def test_production_refuses_every_emulator_even_when_told_twice() -> None:
    settings = Settings(mode="production", database_url=DATABASE, allow_emulator=True)

    with pytest.raises(SettingsError, match="FIREBASE_AUTH_EMULATOR_HOST"):
        settings.check_mode(EMULATOR)


def test_demo_takes_an_emulator_only_when_told_twice() -> None:
    with pytest.raises(SettingsError, match="TINBAO_ALLOW_EMULATOR"):
        Settings(mode="demo", allow_emulator=False).check_mode(EMULATOR)

    Settings(mode="demo", allow_emulator=True).check_mode(EMULATOR)


def test_only_a_demo_runs_without_rate_limits() -> None:
    unlimited = LimitSettings(factor=0)

    with pytest.raises(SettingsError, match="FACTOR"):
        Settings(mode="production", limits=unlimited).check_mode({})

    Settings(mode="demo", limits=unlimited).check_mode({})


def test_without_a_database_the_settings_say_how_to_get_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=None)

    with pytest.raises(SettingsError, match=r"TINBAO_DATABASE_URL.*\./run"):
        _ = settings.owner_url


def test_the_services_log_in_as_the_owner_only_when_nothing_else_is_given(tmp_path: Path) -> None:
    owner = "postgresql://owner@127.0.0.1/tinbao"
    service = "postgresql://service@127.0.0.1/tinbao"
    both = Settings.model_validate({"database_url": owner, "service_database_url": service})
    one = Settings.model_validate({"database_url": owner})

    assert both.service_url == service.replace("postgresql", "postgresql+psycopg")
    assert one.service_url == one.owner_url
