"""Every measurement: `./run bench`, or one of them by name. Each brings its own service."""

import datetime as dt
import os
import platform
import runpy
import subprocess
import sys
from pathlib import Path

ALONE = (
    "locate",
    "locate_http",
    "ward_agreement",
    "intake",
    "idempotency_race",
    "live",
    "wakeups",
    "deliveries",
    "stream",
    "export",
    "tiles",
    "queue",
    "lifecycle",
    "trends",
    "hotspots",
    "hotspot_layers",
    "scorecards",
    "chaos",
)

HELP = f"""./run bench [NAME [ARGS]]

without a name: {", ".join(ALONE)}, one after another
"""


def machine() -> str:
    """When and on what this is measured, as one line."""
    fields = dict(
        line.split(":", 1)
        for file in ("/proc/cpuinfo", "/proc/meminfo")
        for line in Path(file).read_text().splitlines()
        if ":" in line
    )
    names = {name.strip(): value.strip() for name, value in fields.items()}
    memory = int(names["MemTotal"].split()[0]) / 2**20
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (
        f"{dt.datetime.now(dt.UTC).date()}: {os.cpu_count()} cores ({names['model name']}),"
        f" {memory:.0f} GiB, {system}, Python {platform.python_version()},"
        f" load average {os.getloadavg()[0]:.1f} at the start"
    )


def run(name: str, arguments: list[str]) -> None:
    """Run one measurement as its own command would."""
    sys.argv = [f"bench.{name}", *arguments]
    runpy.run_module(f"bench.{name}", run_name="__main__")


def main() -> None:
    """The one asked for, or all; exits with 1 when any found something wrong."""
    words = sys.argv[1:]
    if words and words[0] not in ALONE:
        print(HELP, end="")
        return
    print(machine(), flush=True)
    if words:
        run(words[0], words[1:])
        return
    wrong = []
    for name in ALONE:
        print(f"\n## {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode:
            wrong.append(name)
    if wrong:
        raise SystemExit(f"These found something wrong: {', '.join(wrong)}")


main()
