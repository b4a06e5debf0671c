"""A worker in a process of its own, to be killed: DSN, FCM's URL, service account, key, lease."""

import datetime as dt
import sys
import threading
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from notifications import worker
from notifications.fcm import FcmSender
from notifications.registrations import TokenOpener

if __name__ == "__main__":
    dsn, url, credentials_file, key, lease_s = sys.argv[1:]
    worker.run(
        lambda: psycopg.connect(dsn, autocommit=True, options="-c role=tinbao_worker"),
        FcmSender(Path(credentials_file), url, dt.timedelta(seconds=5)),
        TokenOpener(X25519PrivateKey.from_private_bytes(bytes.fromhex(key))),
        stop=threading.Event(),
        lease=dt.timedelta(seconds=float(lease_s)),
    )
