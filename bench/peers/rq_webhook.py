"""The usual design: a job for each delivery, which signs, posts with requests, and writes what came of it."""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3

import requests


def deliver(delivery_id: int, url: str, event_id: str, body: str) -> None:
    """One delivery."""
    signature = hmac.new(b"whsec_secret-of-the-bench", body.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "X-Webhook-Signature": f"sha256={signature}",
    }
    answer = requests.post(url, data=body.encode(), headers=headers, timeout=30)
    with sqlite3.connect(os.environ["BENCH_DATABASE"], timeout=15) as database:
        database.execute(
            "UPDATE deliveries SET status = ?, code = ?, body = ? WHERE id = ?",
            ("delivered" if answer.ok else "failed", answer.status_code, answer.text, delivery_id),
        )
