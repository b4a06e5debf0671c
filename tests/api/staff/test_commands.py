"""`tinbao staff`: accounts made and closed on the command line."""

import json
from typing import Any

import pyotp
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from api.accounts import commands
from api.accounts.commands import staff_app
from api.accounts.staff import PASSWORDS
from api.secrets import Keys
from api.settings import Settings
from geo.tables import StationKind
from tests.factories import make_province, make_station, unique


@pytest.fixture(autouse=True)
def _own_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "load_settings", lambda: settings)


def staff(*words: str) -> Result:
    return CliRunner().invoke(staff_app, list(words))


def create(role: str, *words: str, username: str | None = None) -> dict[str, Any]:
    username = username or unique("staff.")
    result = staff("create", "--role", role, "--username", username, *words, "--json")
    assert result.exit_code == 0, result.stderr
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def stored(engine: Engine, username: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            text("select * from staff where username = :name"), {"name": username}
        ).one()


def test_json_holds_everything_a_script_signs_in_with(engine: Engine, keys: Keys) -> None:
    station = make_station(engine, province_code="01")

    made = create("duty_officer", "--station", station.id)

    assert set(made) == {"username", "password", "totp_secret", "recovery_codes"}
    row = stored(engine, made["username"])
    assert (row.role, row.station_id, row.province_code) == ("duty_officer", station.id, "01")
    assert PASSWORDS.verify(made["password"], row.password_hash)
    assert keys.open_totp(row.id, row.totp_secret) == made["totp_secret"]
    assert len(pyotp.TOTP(made["totp_secret"]).now()) == 6
    assert len(set(made["recovery_codes"])) == len(row.recovery_hashes) == 10


def test_neither_password_nor_secret_nor_code_is_stored(engine: Engine) -> None:
    made = create("admin")

    row = str(stored(engine, made["username"]))

    assert made["password"] not in row
    assert made["totp_secret"] not in row
    assert not any(code in row for code in made["recovery_codes"])


def test_without_json_a_person_can_read_it(engine: Engine) -> None:
    result = staff("create", "--role", "auditor", "--username", unique("a."))

    assert result.exit_code == 0
    assert "password" in result.stdout
    assert "TOTP secret" in result.stdout
    assert len(result.stdout.splitlines()) == 14


def test_each_role_gets_its_place(engine: Engine) -> None:
    province = make_province(engine).code
    make_station(engine, id=f"o-{province}", kind=StationKind.OVERSIGHT, province_code=province)
    make_station(engine, id=f"p-{province}", kind=StationKind.PROVINCE_DESK, province_code=province)
    ward = make_station(engine, province_code=province).id

    places = {
        "station_chief": ["--station", ward],
        "duty_officer": ["--station", f"p-{province}"],
        "province_commander": ["--province", province],
        "oversight": ["--province", province],
        "admin": [],
        "auditor": [],
    }
    rows = {
        role: stored(engine, create(role, *words)["username"]) for role, words in places.items()
    }

    assert {role: (row.station_id, row.province_code) for role, row in rows.items()} == {
        "station_chief": (ward, province),
        "duty_officer": (f"p-{province}", province),
        "province_commander": (None, province),
        "oversight": (f"o-{province}", province),
        "admin": (None, None),
        "auditor": (None, None),
    }


def test_the_national_desk_has_duty_officers_too(engine: Engine) -> None:
    with engine.begin() as owner:
        owner.execute(
            text(
                "insert into stations (id, kind, name) values ('vn', 'national_desk', 'Trực ban')"
                " on conflict do nothing"
            )
        )

    made = create("duty_officer", "--station", "vn")

    assert stored(engine, made["username"]).station_id == "vn"


@pytest.mark.parametrize(
    ("role", "words", "complaint"),
    [
        ("duty_officer", [], "give --station"),
        ("station_chief", ["--province", "01"], "give --station"),
        ("duty_officer", ["--station", "w-none"], "no station w-none"),
        ("duty_officer", ["--station", "{oversight}"], "oversight office"),
        ("oversight", ["--station", "{ward}"], "give --province"),
        ("oversight", ["--province", "none"], "no station o-none"),
        ("province_commander", [], "give --province"),
        ("province_commander", ["--province", "none"], "no province none"),
        ("admin", ["--station", "{ward}"], "neither"),
        ("auditor", ["--province", "01"], "neither"),
    ],
)
def test_a_wrong_place_is_explained(
    engine: Engine, role: str, words: list[str], complaint: str
) -> None:
    oversight = make_station(engine, id=unique("o-"), kind=StationKind.OVERSIGHT).id
    ward = make_station(engine).id
    words = [word.format(oversight=oversight, ward=ward) for word in words]

    result = staff("create", "--role", role, "--username", unique("a."), *words)

    assert result.exit_code == 1
    assert complaint in result.stderr
    assert result.stdout == ""


def test_a_name_is_stored_in_lower_case_and_taken_once(engine: Engine) -> None:
    name = unique("staff.")
    create("admin", username=name.upper())

    again = staff("create", "--role", "admin", "--username", name)

    assert stored(engine, name)
    assert again.exit_code == 1
    assert f"already an account named {name}" in again.stderr


@pytest.mark.parametrize("name", ["", "a", "nguyễn", "a b", "-dash", "a" * 65, "a\u0000b", "ａｂ"])
def test_a_name_nobody_can_type_is_refused(engine: Engine, name: str) -> None:
    result = staff("create", "--role", "admin", "--username", name)

    assert result.exit_code == 1
    assert "2 to 64 characters" in result.stderr


def test_an_unknown_role_is_a_usage_error(engine: Engine) -> None:
    assert staff("create", "--role", "king", "--username", "a.b").exit_code == 2


def test_making_and_closing_an_account_is_on_the_trail(engine: Engine) -> None:
    name = create("admin")["username"]

    closed = staff("disable", "--username", name.upper())

    assert closed.exit_code == 0
    row = stored(engine, name)
    assert row.disabled_at is not None
    with engine.connect() as connection:
        trail = connection.execute(
            text(
                "select action, actor_kind, object_kind from audit_events"
                " where object_id = :id order by id"
            ),
            {"id": str(row.id)},
        ).all()
    assert [tuple(each) for each in trail] == [
        ("staff.created", "operator", "staff"),
        ("staff.disabled", "operator", "staff"),
    ]


def test_closing_nobodys_account_is_an_error(engine: Engine) -> None:
    result = staff("disable", "--username", unique("nobody."))

    assert result.exit_code == 1
    assert "no such account" in result.stderr


def test_an_account_is_moved_closed_and_opened_again(engine: Engine) -> None:
    old, new = (make_station(engine, province_code="01").id for _ in range(2))
    name = create("duty_officer", "--station", old)["username"]

    moved = staff("move", "--username", name, "--station", new, "--role", "station_chief")
    staff("disable", "--username", name)
    listed = staff("list", "--station", new, "--disabled")
    staff("enable", "--username", name)
    as_json = staff("list", "--station", new, "--json")

    assert moved.stdout == f"{name} is station_chief {new}.\n"
    assert listed.stdout.startswith(name)
    assert "closed" in listed.stdout
    [line] = as_json.stdout.splitlines()
    assert json.loads(line) | {"created_at": ""} == {
        "username": name, "role": "station_chief", "station_id": new, "province_code": "01",
        "created_at": "", "disabled_at": None,
    }  # fmt: skip


def test_secrets_are_renewed_and_shown_once(engine: Engine, keys: Keys) -> None:
    made = create("auditor")
    name = made["username"]

    password = json.loads(staff("password", "--username", name, "--json").stdout)["password"]
    totp = json.loads(staff("totp", "--username", name, "--json").stdout)
    codes = json.loads(staff("recovery-codes", "--username", name, "--json").stdout)
    readable = staff("totp", "--username", name)

    row = stored(engine, name)
    assert PASSWORDS.verify(password, row.password_hash)
    assert not PASSWORDS.verify(made["password"], row.password_hash)
    assert pyotp.parse_uri(totp["otpauth_uri"]).secret == totp["totp_secret"]
    assert keys.open_totp(row.id, row.totp_secret) in readable.stdout
    assert len(set(codes["recovery_codes"]) | set(made["recovery_codes"])) == 20
    assert "Shown once" in readable.stdout


def test_unlocking_says_how_it_was(engine: Engine) -> None:
    name = create("auditor")["username"]

    assert "was open already" in staff("unlock", "--username", name).stdout


@pytest.mark.parametrize(
    "command", ["disable", "enable", "password", "totp", "recovery-codes", "unlock", "move"]
)
def test_nobody_can_be_changed(command: str) -> None:
    words = ["--role", "admin"] if command == "move" else []

    result = staff(command, "--username", unique("nobody."), *words)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no such account" in result.stderr
