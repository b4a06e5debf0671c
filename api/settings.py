"""Every setting of the service: one class, read from the environment with the prefix TINBAO_."""

import json
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """`.local` beside the checkout's pyproject.toml, else in the working directory."""
    root = Path(__file__).resolve().parent.parent
    return (root if (root / "pyproject.toml").exists() else Path.cwd()) / ".local"


class SettingsError(Exception):
    """The settings contradict themselves or the mode; the message says which and how to mend it."""


class PushSettings(BaseModel):
    """Where pushes go. Without credentials there is only the inbox."""

    endpoint: str | None = Field(
        None, description="Base URL of an FCM v1 service; unset means Google's"
    )
    credentials_file: Path | None = Field(
        None, description="Service account file (JSON); its token_uri is honoured"
    )
    timeout: timedelta = Field(
        timedelta(seconds=10), description="Longest wait for one push (ISO 8601, e.g. PT10S)"
    )
    concurrency: int = Field(
        16, ge=1, le=256, description="Pushes in flight at once in one worker process"
    )


class LimitSettings(BaseModel):
    """How strict the rate limits are."""

    factor: float = Field(
        1.0, ge=0, description="Multiplies every rate limit; 0 switches them off (demo mode only)"
    )


class Settings(BaseSettings):
    """The settings. Built once by the program's edge and handed down; nothing else reads them."""

    model_config = SettingsConfigDict(
        env_prefix="TINBAO_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    mode: Literal["demo", "production"] = Field(
        "production",
        description="`demo` has demo accounts and approximate boundaries, `production` neither",
    )
    home: Path = Field(
        default_factory=default_home,
        description="Folder of the private database, the keys and demo.json",
    )
    host: str = Field("127.0.0.1", description="Address the API listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on")
    processes: int = Field(1, ge=1, le=64, description="API processes sharing the port")
    database_url: PostgresDsn | None = Field(
        None,
        description="The owner's database URL (migrations, imports, staff); unset means the"
        " private database that `./run` keeps in the home folder",
    )
    service_database_url: PostgresDsn | None = Field(
        None,
        description="What the API and the worker connect with: a login role that is a member of"
        " tinbao_api, tinbao_officer and tinbao_worker only; unset means the owner's",
    )
    database_pool: int = Field(
        10, ge=2, le=100, description="Database connections of one API process"
    )
    statement_timeout: timedelta = Field(
        timedelta(seconds=2), description="Longest database statement of a request"
    )
    body_timeout: timedelta = Field(
        timedelta(seconds=10), description="Longest wait for a request's body"
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="Proxies whose X-Forwarded-For is believed (comma-separated)"
    )
    metrics_port: int = Field(
        9464, ge=0, le=65535, description="Port of the API's Prometheus metrics; 0 switches it off"
    )
    worker_metrics_port: int = Field(
        9465, ge=0, le=65535, description="Port of the worker's metrics; 0 switches it off"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written"
    )
    keys_dir: Path | None = Field(
        None, description="Folder of the secret keys; unset means `keys` in the home folder"
    )
    session_idle: timedelta = Field(
        timedelta(minutes=15), description="A staff session ends after this long without a request"
    )
    session_lifetime: timedelta = Field(
        timedelta(hours=12), description="A staff session ends after this long in any case"
    )
    firebase_project: str | None = Field(
        None,
        description="Firebase project whose ID tokens are accepted; unset means the push"
        " credentials' project, or none",
    )
    allow_emulator: bool = Field(
        False, description="Lets demo mode start with a Firebase emulator variable set"
    )
    push: PushSettings = PushSettings.model_validate({})
    limits: LimitSettings = LimitSettings.model_validate({})

    @cached_property
    def keys(self) -> Path:
        """Where the keys are."""
        return self.keys_dir or self.home / "keys"

    @property
    def indexes(self) -> Path:
        """Where the files are that all processes read boundaries from; made when needed."""
        return self.home / "index"

    @property
    def lane_timeout_s(self) -> float:
        """How long a lane waits for the database, which gives up first: its word says more."""
        return self.statement_timeout.total_seconds() + 0.5

    @cached_property
    def owner_url(self) -> str:
        """The owner's URL, from the setting or from the private database's own file."""
        if self.database_url is not None:
            return with_driver(str(self.database_url))
        return with_driver(self._private_database()["owner_url"])

    @cached_property
    def service_url(self) -> str:
        """What the API and the worker connect with."""
        if self.service_database_url is not None:
            return with_driver(str(self.service_database_url))
        if self.database_url is not None:
            return with_driver(str(self.database_url))
        private = self._private_database()
        return with_driver(private.get("service_url", private["owner_url"]))

    def _private_database(self) -> dict[str, str]:
        file = self.home / "database.json"
        try:
            found: dict[str, str] = json.loads(file.read_text())
        except FileNotFoundError as error:
            raise SettingsError(
                "No database: set TINBAO_DATABASE_URL, or start the private one with ./run"
            ) from error
        return found

    def check_mode(self, environment: dict[str, str]) -> None:
        """Refuse what must not be: raises `SettingsError`.

        With an emulator variable set, firebase-admin takes unsigned tokens for any user, so
        production never starts with one, and demo only when told so twice.
        """
        emulators = sorted(name for name in environment if name.endswith("_EMULATOR_HOST"))
        if emulators and self.mode == "production":
            raise SettingsError(f"{emulators[0]} is set: production refuses every emulator")
        if emulators and not self.allow_emulator:
            raise SettingsError(f"{emulators[0]} is set: demo needs TINBAO_ALLOW_EMULATOR=1 too")
        if self.limits.factor == 0 and self.mode == "production":
            raise SettingsError("TINBAO_LIMITS__FACTOR=0 is for demo mode only")


def with_driver(url: str) -> str:
    """The same URL, naming psycopg 3 as SQLAlchemy's driver."""
    scheme, rest = url.split("://", 1)
    return f"postgresql+psycopg://{rest}" if scheme.startswith("postgres") else url


def load_settings() -> Settings:
    """The settings of this process's environment."""
    return Settings()
