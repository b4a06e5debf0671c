"""Every measurement that brings its own service: `./run bench`, or one of them by name."""

import runpy
import sys

ALONE = ("locate", "intake", "live", "wakeups", "deliveries", "chaos")
BESIDE = {
    "ward_agreement": "needs --url of a database with an edition in force",
    "idempotency_race": "needs --url of a running service without limits",
}

HELP = f"""./run bench [NAME [ARGS]]

without a name: {", ".join(ALONE)}, one after another
each by name; {"; ".join(f"{name} {needs}" for name, needs in BESIDE.items())}
"""


def run(name: str, arguments: list[str]) -> None:
    """Run one measurement as its own command would."""
    sys.argv = [f"bench.{name}", *arguments]
    runpy.run_module(f"bench.{name}", run_name="__main__")


def main() -> None:
    """The one asked for, or all that stand alone."""
    words = sys.argv[1:]
    if words and words[0] in (*ALONE, *BESIDE):
        run(words[0], words[1:])
    elif words:
        print(HELP, end="")
    else:
        for name in ALONE:
            run(name, [])


main()
