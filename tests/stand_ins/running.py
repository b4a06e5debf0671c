"""Running the stand-ins as processes of their own, and talking to them."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FCM = Path(__file__).with_name("fcm.py")


@dataclass
class Fcm:
    """A running stand-in."""

    url: str
    credentials_file: Path

    def control(self, **settings: Any) -> None:
        """Say how it should behave from now on."""
        self._ask("/control", settings)

    def stats(self) -> dict[str, Any]:
        """What it saw."""
        answer: dict[str, Any] = self._ask("/stats")
        return answer

    def attempts(self, token: str) -> list[float]:
        """When `token` was tried."""
        times: list[float] = self.stats()["tokens"].get(token, {}).get("times", [])
        return times

    def accepted(self) -> list[str]:
        """The acknowledgement ids of the messages it took, in order."""
        return [message["data"]["ack_id"] for message in self.stats()["accepted"]]

    def reset(self) -> None:
        """Forget everything."""
        self._ask("/reset", {})

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data, timeout=10) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def fcm_running(folder: Path, *words: str) -> Iterator[Fcm]:
    """A stand-in for FCM; its throw-away service account lies in `folder`."""
    account = folder / "service-account.json"
    command = [sys.executable, str(FCM), "--credentials-file", str(account), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Fcm(json.loads(process.stdout.readline())["url"], account)
        finally:
            process.kill()
