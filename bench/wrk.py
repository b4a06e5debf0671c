"""wrk over a list of paths."""

import re
import subprocess
import tempfile
from collections.abc import Sequence

SCRIPT = """
local paths = {%(paths)s}
local headers = {["Accept-Encoding"] = "gzip", ["Authorization"] = "Bearer %(token)s"}
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", paths[n %% #paths + 1], headers)
end
done = function(summary)
  io.write(string.format("answers %%d bytes %%d\\n", summary.requests, summary.bytes))
end
"""


def requests_a_second(
    base_url: str, paths: Sequence[str], *, token: str, connections: int, seconds: int
) -> tuple[float, float]:
    """Answers a second and bytes an answer, headers included, of one round over the paths.

    Raises when any was not answered 2xx.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        listed = ", ".join(f'"{path}"' for path in paths)
        script.write(SCRIPT % {"paths": listed, "token": token})
        script.flush()
        printed = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30", "-s",
             script.name, base_url],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(printed)
    answers, size = map(int, re.findall(r"answers (\d+) bytes (\d+)", printed)[0])
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", printed)[0]), size / answers
