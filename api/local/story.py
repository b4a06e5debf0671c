"""The story of a report, told in the terminal by sending a real one through the public API."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyotp
from rich.console import Console

from api.local.client import Client, uuid7
from api.local.demo import SAMPLE_PLACE, write_private
from api.settings import load_settings

out = Console(highlight=False, soft_wrap=True)

CURL = """curl -X PUT {base_url}/v1/reports/$(python3 -c '{make_id}') \\
  -H 'Content-Type: application/json' -d '{body}'"""
MAKE_ID = (
    "import os,time,uuid;print(uuid.UUID(int=time.time_ns()//10**6<<80|7<<76|2<<62"
    '|int.from_bytes(os.urandom(7),"big")))'
)


def sample_body() -> dict[str, Any]:
    """A report such as a resident would send."""
    lon, lat = SAMPLE_PLACE
    return {
        "kind": "tip",
        "category": "theft",
        "text": "Có người bẻ khóa xe máy trước cổng chợ.",
        "place": {"lon": lon, "lat": lat, "accuracy_m": 25, "source": "gps"},
        "observed_at": dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat(),
    }


def first_report(base_url: str, home: Path) -> None:
    """Send one sample report and print its station, its acknowledgement and how to go on."""
    client = Client(base_url)
    file = home / "demo.json"
    known = json.loads(file.read_text()) if file.exists() else None
    body = sample_body()
    _, device, _ = client.call("POST", "/v1/devices", {})
    token = device.get("token", "")
    status, accepted, _ = client.call("PUT", f"/v1/reports/{uuid7()}", body, token)
    if status in (200, 201):
        show_accepted(body, accepted)
        if known is not None:
            known["receipt"] = accepted["receipt"]["code"]
            write_private(file, known)
    else:
        out.print(f"The sample report was answered {status}: {accepted.get('detail')}")
    if known is not None:
        show_accounts(known["accounts"])
    own = {**body, "category": "noise", "text": "Có tiếng ồn lớn."}
    words = json.dumps(own, ensure_ascii=False)
    out.print("\nSend a report of your own:\n")
    out.print(CURL.format(base_url=base_url, make_id=MAKE_ID, body=words), markup=False)
    out.print(f"\nThe API describes itself at {base_url}/openapi.json; docs/api.md is the guide.\n")


def show_accepted(body: dict[str, Any], accepted: dict[str, Any]) -> None:
    """What the reporter learns."""
    routing = accepted["routing"]
    out.print(f"\nA report goes in:      {body['text']}", markup=False)
    out.print(f"It finds its station:  {routing['station']['name']} ({routing['station']['id']})")
    if routing["edition"] and routing["edition"]["approximate"]:
        out.print("                       (approximate demo boundaries: one in four is off)")
    out.print(f"The acknowledgement:   {accepted['acknowledgement']['text']}", markup=False)
    out.print(f"The receipt code:      {accepted['receipt']['code']}")


def show_accounts(accounts: list[dict[str, Any]]) -> None:
    """Who can sign in; whole lines, so that nothing is cut where a terminal is narrow."""
    out.print("\nDemo logins (username, password, TOTP secret, where):")
    for each in accounts:
        where = each["station_id"] or each["province_code"] or "everywhere"
        facts = (each["username"], each["password"], each["totp_secret"], where)
        out.print("  " + "  ".join(facts), markup=False)


def sign_in(client: Client, account: dict[str, Any]) -> str:
    """A session's token; a TOTP code works once, so a used one is waited out."""
    totp = pyotp.TOTP(account["totp_secret"])
    for offset in (0, 30, -30):
        moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset)
        sent = {
            "username": account["username"],
            "password": account["password"],
            "totp": totp.at(moment),
        }
        status, body, _ = client.call("POST", "/v1/sessions", sent)
        if status == 201:
            return str(body["token"])
    raise RuntimeError(f"signing in was answered {status}; wait half a minute and try again")


def replay(base_url: str, home: Path) -> None:
    """The whole story: phone, station, officer, and back to the phone."""
    client = Client(base_url)
    _, device, _ = client.call("POST", "/v1/devices", {})
    out.rule("1. A phone, without an account")
    report_id, body = uuid7(), sample_body()
    status, accepted, _ = client.call("PUT", f"/v1/reports/{report_id}", body, device["token"])
    out.print(f"PUT /v1/reports/{report_id} -> {status}")
    show_accepted(body, accepted)
    again, same, _ = client.call("PUT", f"/v1/reports/{report_id}", body, device["token"])
    out.print(f"Sent again by a nervous thumb: {again}, the same receipt: {same == accepted}")

    out.rule("2. The duty officer of that station")
    station = accepted["routing"]["station"]["id"]
    accounts = json.loads((home / "demo.json").read_text())["accounts"]
    officer = next((a for a in accounts if a["station_id"] == station), None)
    if officer is None:
        out.print(f"No demo account works at {station}: the story ends with the inbox.")
        show_inbox(client, device["token"])
        return
    token = sign_in(client, officer)
    _, queue, _ = client.call("GET", "/v1/queue?state=received&limit=100", token=token)
    cases = [case for case in queue["items"] if case["text"] == body["text"]]
    case_id = cases[-1]["case_id"]
    out.print(f"{officer['username']} sees case {case_id}: never who sent it.")
    _, _, etag = client.call("GET", f"/v1/cases/{case_id}", token=token)
    status, case, _ = client.call(
        "POST", f"/v1/cases/{case_id}/acknowledgement", {}, token, **{"If-Match": etag or ""}
    )
    out.print(f"Acknowledged: {status}, number {case['register_number']} of the register.")

    out.rule("3. Back on the phone")
    show_inbox(client, device["token"])


def show_inbox(client: Client, token: str) -> None:
    """What the phone has been told, in order."""
    _, inbox, _ = client.call("GET", "/v1/inbox", token=token)
    for item in inbox["items"]:
        out.print(f"- {item['text']}", markup=False)


def main() -> None:
    """Replay the story against the service that `./run` serves."""
    settings = load_settings()
    replay(f"http://127.0.0.1:{settings.port}", settings.home)


if __name__ == "__main__":
    main()
