"""Bytes that nobody means well with; each carries `MARK`, which no answer may give back."""

import base64
import gzip
import json
import struct
from collections.abc import Iterator
from typing import Any

MARK = "zq9xMARKx9qz"
JSON = b"application/json"
MEGABYTE = 1_000_000

BODIES: dict[str, bytes] = {
    "empty": b"",
    "the mark": MARK.encode(),
    "a string": f'"{MARK}"'.encode(),
    "a list": f'["{MARK}"]'.encode(),
    "null": b"null",
    "true": b"true",
    "a number": b"1e999",
    "NaN": b"NaN",
    "an unknown name": f'{{"{MARK}": 1}}'.encode(),
    "a name with NUL": f'{{"\\u0000{MARK}": 1}}'.encode(),
    "a name with a surrogate": f'{{"\\ud800{MARK}": 1}}'.encode(),
    "a name of a megabyte": f'{{"{MARK}{"x" * MEGABYTE}": 1}}'.encode(),
    "duplicate names": f'{{"text": "{MARK}", "text": "{MARK}"}}'.encode(),
    "a prototype": f'{{"__proto__": {{"{MARK}": 1}}, "constructor": 1}}'.encode(),
    "bad UTF-8": b'{"text": "\xff\xfe' + MARK.encode() + b'"}',
    "UTF-16": json.dumps({"text": MARK}).encode("utf-16"),
    "UTF-16 without a mark": json.dumps({"text": MARK}).encode("utf-16-le"),
    "UTF-32": json.dumps({"text": MARK}).encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps({"text": MARK}).encode(),
    "gzip": gzip.compress(json.dumps({"text": MARK}).encode()),
    "nested arrays": b"[" * 30_000 + MARK.encode(),
    "nested arrays without end": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "5,000 digits": b'{"text": ' + b"9" * 5000 + b"}",
    "a huge exponent": b'{"text": 1e99999999999}',
    "cut off": f'{{"text": "{MARK}'.encode(),
    "NUL bytes": b"\x00" * 1000 + MARK.encode(),
    "XML": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{MARK}">]><a>&b;</a>'.encode(),
    "a form": f"text={MARK}&kind=tip".encode(),
}
"""Whole bodies, sent to every operation."""

VALUES: dict[str, str] = {
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "1e999": "1e999",
    "-1e999": "-1e999",
    "denormal": "5e-324",
    "minus zero": "-0.0",
    "5,000 digits": "9" * 5000,
    "2**63": str(2**63),
    "-2**63-1": str(-(2**63) - 1),
    "true": "true",
    "null": "null",
    "an empty list": "[]",
    "an object": f'{{"{MARK}": "{MARK}"}}',
    "a list": f'["{MARK}", ["{MARK}"]]',
    "the mark": f'"{MARK}"',
    "an empty string": '""',
    "NUL": f'"{MARK}\\u0000"',
    "a high surrogate": f'"{MARK}\\ud800"',
    "a low surrogate": f'"\\udc00{MARK}"',
    "surrogates turned round": f'"\\udc00\\ud800{MARK}"',
    "a bidi control": f'"{MARK}\\u202e"',
    "an isolate": f'"{MARK}\\u2066"',
    "controls": f'"{MARK}\\u0001\\u001b[31m\\u007f\\u0085"',
    "a noncharacter": f'"{MARK}\\uffff\\ufdd0"',
    "beyond the first plane": f'"{MARK}\\ud83d\\ude00"',
    "a line separator": f'"{MARK}\\u2028"',
    "decomposed": f'"{MARK}o\\u031b\\u0309"',
    "a thousand accents": f'"{MARK}a' + r"\u0301" * 1000 + '"',
    "20,000 letters": f'"{MARK}{"x" * 20_000}"',
    "a thirteenth month": f'"2026-13-45T99:99:99Z{MARK}"',
    "the end of time": '"9999-12-31T23:59:59-14:00"',
    "before time": '"0000-01-01T00:00:00Z"',
    "a time without offset": '"2026-11-22T21:40:00"',
    "a nil id": '"00000000-0000-0000-0000-000000000000"',
    "an id in braces": '"{019aa000-0000-7000-8000-000000000000}"',
    "SQL": f'"\'; drop table reports; -- {MARK}"',
    "a template": f'"{{{{7*7}}}}${{7*7}}%s%n{{0}}{{call}}{MARK}"',
    "markup": f'"<script>{MARK}</script>"',
    "a header": f'"{MARK}\\r\\nSet-Cookie: {MARK}=1"',
    "a path": f'"../../../../etc/passwd{MARK}"',
}
"""JSON literals, put in the place of every value of a good body."""


def mutations(body: Any) -> Iterator[tuple[str, bytes]]:
    """A good body with each of its values replaced by each literal, and with unknown names."""
    hole = "\u0001hole\u0001"
    for path in paths(body):
        frame = json.dumps(replaced(body, path, hole), ensure_ascii=False)
        for name, literal in VALUES.items():
            mutated = frame.replace(json.dumps(hole), literal)
            yield f"{path}: {name}", mutated.encode("utf-8", "surrogatepass")
    if isinstance(body, dict):
        yield "an unknown name", json.dumps(body | {MARK: MARK}).encode()


def paths(node: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the values of a JSON document are."""
    entries: list[tuple[str | int, Any]] = []
    if isinstance(node, dict):
        entries = list(node.items())
    if isinstance(node, list):
        entries = list(enumerate(node))
    for key, value in entries:
        yield (*at, key)
        yield from paths(value, (*at, key))


def replaced(node: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with one value replaced."""
    if not path:
        return value
    copy: Any = node.copy()
    copy[path[0]] = replaced(node[path[0]], path[1:], value)
    return copy


def cursor(xid: int, seq: int) -> str:
    """A cursor of the inbox as the service makes it, of any numbers."""
    return base64.urlsafe_b64encode(struct.pack(">Qq", xid, seq)).decode().rstrip("=")


QUERIES: dict[str, str] = {
    "the mark": MARK,
    "an unknown name": f"{MARK}={MARK}",
    "bad limits": f"limit={MARK}",
    "no limit": "limit=0",
    "a negative limit": "limit=-1",
    "a huge limit": "limit=" + "9" * 5000,
    "a limit twice": "limit=1&limit=2",
    "a limit in another script": "limit=%D9%A1",
    "a limit of a fraction": "limit=1.5",
    "an empty cursor": "cursor=",
    "a cursor of the mark": f"cursor={MARK}",
    "a cursor of the largest numbers": f"cursor={cursor(2**64 - 1, 2**63 - 1)}",
    "a cursor beyond the numbers": f"cursor={cursor(2**63, -1)}",
    "a nil cursor": "cursor=00000000-0000-0000-0000-000000000000",
    "a long cursor": f"cursor={MARK}{'x' * 20_000}",
    "a state": f"state={MARK}",
    "a category": f"category={MARK}%E2%80%AE",
    "an urgency": "urgency=1e999",
    "NUL": f"cursor={MARK}%00",
    "bad UTF-8": f"category={MARK}%ff",
    "an encoded surrogate": f"category={MARK}%ED%A0%80",
    "a broken escape": f"category={MARK}%zz%",
    "newlines": f"category={MARK}%0d%0aSet-Cookie:%20{MARK}=1",
    "60,000 letters": f"category={MARK}{'x' * 60_000}",
    "3,000 names": "&".join(f"{MARK}{i}=" for i in range(3000)),
    "brackets": f"category[]={MARK}&category[{MARK}]=1",
    "semicolons": f"limit=1;limit={MARK}",
}

SEGMENTS: dict[str, str] = {
    "the mark": MARK,
    "NUL": f"{MARK}%00",
    "bad UTF-8": f"{MARK}%ff",
    "an encoded surrogate": f"{MARK}%ED%A0%80",
    "overlong": f"{MARK}%c0%af",
    "a path upwards": f"..%2f..%2f{MARK}",
    "a backslash": f"..%5c{MARK}",
    "10,000 letters": MARK + "x" * 10_000,
    "a newline": f"{MARK}%0d%0a",
    "another plane": f"{MARK}%F0%9F%98%80",
    "a bidi control": f"{MARK}%E2%80%AE",
    "a nil id": "00000000-0000-0000-0000-000000000000",
    "an id of the first version": "c232ab00-9414-11ec-b3c8-9f6bdeced846",
    "an id in braces": "%7B019aa000-0000-7000-8000-000000000000%7D",
    "an id and more": f"019aa000-0000-7000-8000-000000000000{MARK}",
    "a template": f"%7B%7B7*7%7D%7D{MARK}",
    "a number": "9" * 5000,
    "a dot": ".",
    "a space": "%20",
}
"""What stands in the place of each parameter of a path."""

RECEIPT_OF_ZEROS = "tbr_" + base64.urlsafe_b64encode(bytes(40)).decode().rstrip("=")

HEADERS: dict[str, tuple[bytes, bytes]] = {
    "a language": (b"accept-language", MARK.encode()),
    "a weight of nan": (b"accept-language", b"vi;q=nan, en;q=inf, fr;q=-1"),
    "a language of bytes": (b"accept-language", b"\xff\xfe;q=\xff"),
    "a long language": (b"accept-language", b"en-" + b"x" * 50_000),
    "5,000 languages": (b"accept-language", b",".join([b"xx;q=0.1"] * 5000)),
    "an empty language": (b"accept-language", b",;q=,;;=,"),
    "no kind of credentials": (b"authorization", b""),
    "a kind alone": (b"authorization", b"Bearer"),
    "a kind and a space": (b"authorization", b"Bearer "),
    "another kind": (b"authorization", b"Basic " + base64.b64encode(MARK.encode())),
    "a token of the mark": (b"authorization", f"Bearer {MARK}".encode()),
    "a device's": (b"authorization", f"Bearer tbd_{MARK}".encode()),
    "a receipt's": (b"authorization", f"Bearer tbr_{MARK}".encode()),
    "a receipt of zeros": (b"authorization", f"Bearer {RECEIPT_OF_ZEROS}".encode()),
    "a session's": (b"authorization", f"Bearer tbs_{MARK}".encode()),
    "an account's": (b"authorization", f"Bearer {MARK}.{MARK}.{MARK}".encode()),
    "an account of nothing": (b"authorization", b"Bearer .."),
    "an account of arrays": (b"authorization", b"Bearer W10.W10.W10"),
    "a token of bytes": (b"authorization", b"Bearer \xff\xfe\x80" + MARK.encode()),
    "a receipt of bytes": (b"authorization", b"Bearer tbr_\xff\xfe" + MARK.encode()),
    "a device of bytes": (b"authorization", b"Bearer tbd_\xff\xfe" + MARK.encode()),
    "an account of bytes": (b"authorization", b"Bearer \xff.\xfe.\xfd"),
    "a long token": (b"authorization", b"Bearer " + b"x" * 50_000),
    "a cookie": (b"cookie", f"tinbao_session={MARK}".encode()),
    "a cookie of bytes": (b"cookie", b"tinbao_session=\xff\xfe; tinbao_session=\x80;;;=;"),
    "a long cookie": (b"cookie", b"tinbao_session=" + b"x" * 50_000),
    "a version": (b"if-match", MARK.encode()),
    "a version without quotes": (b"if-match", b"1"),
    "any version": (b"if-match", b"*"),
    "a huge version": (b"if-match", b'"' + b"9" * 5000 + b'"'),
    "the largest version": (b"if-match", b'"999999999"'),
    "a version in another script": (b"if-match", '"١"'.encode()),
    "10,000 versions": (b"if-match", b",".join([b'"1"'] * 10_000)),
    "a version of bytes": (b"if-match", b'"\xff\xfe"'),
    "10,000 versions seen": (b"if-none-match", b",".join([b'"1"'] * 10_000)),
    "a version seen of bytes": (b"if-none-match", b'W/"\xff\xfe'),
    "a range": (b"range", b"bytes=0-0,-1," + MARK.encode()),
    "a host": (b"host", b"["),
    "a host of bytes": (b"host", b"\xff\xfe"),
    "a host with a path": (b"host", f"{MARK}/..//@[::1]:99999".encode()),
    "no host": (b"host", b""),
    "somebody else's address": (b"x-forwarded-for", b"\xff, ::1, " + MARK.encode()),
    "somebody else's scheme": (b"x-forwarded-proto", MARK.encode()),
    "a site": (b"sec-fetch-site", MARK.encode()),
    "another method": (b"x-http-method-override", b"DELETE"),
    "what is accepted": (b"accept", f"text/html;{MARK}".encode()),
    "an encoding": (b"content-encoding", b"gzip"),
    "an expectation": (b"expect", b"100-continue"),
    "text": (b"content-type", b"text/plain"),
    "JSON in UTF-16": (b"content-type", b"application/json; charset=utf-16"),
    "a form": (b"content-type", b"application/x-www-form-urlencoded"),
    "parts": (b"content-type", b"multipart/form-data"),
    "a type of bytes": (b"content-type", b"application/json;\xff" + MARK.encode()),
    "no type": (b"content-type", b""),
    "a negative length": (b"content-length", b"-1"),
    "a length of words": (b"content-length", MARK.encode()),
    "a long length": (b"content-length", b"9" * 5000),
    "30 MB": (b"content-length", b"31457280"),
}

GET, POST = b"GET /v1/config HTTP/1.1\r\n", b"POST /v1/locate HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
TYPED = POST + HOST + b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n\r\n"
RAW = MARK.encode()

RAW_REQUESTS: dict[str, bytes] = {
    "bytes in the path": b"GET /v1/\xff\xfe" + RAW + b" HTTP/1.1\r\n" + HOST + CLOSE,
    "UTF-8 in the path": b"GET /v1/wards/\xe1\xbb\x8d" + RAW + b" HTTP/1.1\r\n" + HOST + CLOSE,
    "bytes in the query": b"GET /v1/config?\xff=" + RAW + b" HTTP/1.1\r\n" + HOST + CLOSE,
    "a space in the path": b"GET /v1/" + RAW + b" x HTTP/1.1\r\n" + HOST + CLOSE,
    "NUL in the path": b"GET /v1/\x00" + RAW + b" HTTP/1.1\r\n" + HOST + CLOSE,
    "NUL in a header": GET + HOST + b"X-A: \x00" + RAW + b"\r\n" + CLOSE,
    "bytes in a header": GET + HOST + b"Accept-Language: \xff" + RAW + b"\r\n" + CLOSE,
    "a header without a colon": GET + HOST + RAW + b"\r\n" + CLOSE,
    "a space before the colon": GET + HOST + b"X-A : " + RAW + b"\r\n" + CLOSE,
    "a folded header": GET + HOST + b"X-A: 1\r\n " + RAW + b"\r\n" + CLOSE,
    "a bare line feed": GET.replace(b"\r\n", b"\n") + b"Host: " + RAW + b"\n\n",
    "a header of 100 KB": GET + HOST + b"X-A: " + RAW + b"x" * 100_000 + b"\r\n" + CLOSE,
    "2,000 headers": GET + HOST + b"".join(b"X-%d: 1\r\n" % i for i in range(2000)) + CLOSE,
    "a path of 100 KB": b"GET /" + RAW + b"x" * 100_000 + b" HTTP/1.1\r\n" + HOST + CLOSE,
    "no host": GET + CLOSE,
    "two hosts": GET + HOST + b"Host: " + RAW + b"\r\n" + CLOSE,
    "an unknown method": RAW + b" /v1/config HTTP/1.1\r\n" + HOST + CLOSE,
    "an unknown version": b"GET /v1/config HTTP/9.9\r\n" + HOST + CLOSE,
    "no version": b"GET /v1/config\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + RAW,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + RAW + bytes(64),
    "nothing but the mark": RAW + b"\r\n\r\n",
    "a whole URL": b"GET http://" + RAW + b"/v1/config HTTP/1.1\r\n" + HOST + CLOSE,
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE,
    "a tunnel": b"CONNECT " + RAW + b":443 HTTP/1.1\r\n" + HOST + CLOSE,
    "two lengths": TYPED + b"Content-Length: 2\r\nContent-Length: 5\r\n" + CLOSE + b"{}" + RAW,
    "a length and pieces": (
        TYPED + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"0\r\n\r\n"
    ),
    "a negative length": TYPED + b"Content-Length: -1\r\n" + CLOSE + RAW,
    "a long length": TYPED + b"Content-Length: " + b"9" * 5000 + b"\r\n" + CLOSE,
    "30 MB declared": TYPED + b"Content-Length: 31457280\r\n" + CLOSE + RAW,
    "30 MB awaited": TYPED + b"Expect: 100-continue\r\nContent-Length: 31457280\r\n" + CLOSE,
    "a piece of no size": TYPED + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"zz\r\n" + RAW,
    "a piece of any size": (
        TYPED + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"f" * 30 + b"\r\n" + RAW
    ),
    "pieces of 5 MB": (
        TYPED + b"Transfer-Encoding: chunked\r\n" + CLOSE
        + b"10000\r\n" + b"x" * 65536 + b"\r\n"
        + (b"10000\r\n" + b"y" * 65536 + b"\r\n") * 79 + b"0\r\n\r\n"
    ),
    "an unknown coding": TYPED + b"Transfer-Encoding: " + RAW + b"\r\n" + CLOSE + b"{}",
    "half a body": TYPED + b"Content-Length: 100\r\n" + CLOSE + b'{"lon": "' + RAW,
    "a websocket": (
        b"GET /v1/my/reports?" + RAW + b"=" + RAW + b" HTTP/1.1\r\n" + HOST
        + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ),
    "an upgrade": GET + HOST + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    "one after another": GET + HOST + b"\r\n" + RAW + b"\r\n\r\n",
}  # fmt: skip
"""Requests as bytes on the wire, that a client library would not send."""
