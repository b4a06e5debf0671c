"""The short form of the chaos, as its command runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_thousand_reports_survive_eight_kills_of_everything() -> None:
    command = [sys.executable, "-m", "bench.chaos", "--reports", "1000", "--kills", "8"]

    done = subprocess.run(
        [*command, "--seconds", "60"], cwd=ROOT, capture_output=True, check=False, text=True
    )

    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
