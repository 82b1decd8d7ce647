"""Tells the operator's address that an alarm opened or closed; never an address a client named."""

import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

import msgspec

from loopcast.monitoring.rules import Webhook
from loopcast.store.alarms import Alarm
from loopcast.store.clock import iso

log = logging.getLogger("loopcast.monitoring")
PAUSE = 0.5
"""Seconds before the first repetition; twice as long before each further one."""


class _Still(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the address is the operator's, where it leads to is not."""

    def redirect_request(self, *_: Any) -> None:
        return None


OPENER = urllib.request.build_opener(_Still)


def body(model: str, alarm: Alarm) -> dict[str, Any]:
    """What is sent."""
    return {
        "model": model,
        "alarm": alarm.id,
        "state": "opened" if alarm.open else "closed",
        "version": alarm.version,
        "kind": alarm.kind,
        "scope": alarm.scope,
        "reason": alarm.reason,
        "score": round(alarm.score, 4),
        "threshold": round(alarm.threshold, 4),
        "concerned": [dict(key) for key in alarm.concerned],
        "why": list(alarm.why),
        "opened_at": iso(alarm.opened_at),
        "closed_at": None if alarm.closed_at is None else iso(alarm.closed_at),
    }


def tell(
    hook: Webhook, model: str, alarm: Alarm, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Whether it was taken; a failure is logged, and the next tick tries again."""
    content = msgspec.json.encode(body(model, alarm))
    headers = {"Content-Type": "application/json", "Idempotency-Key": _once(alarm)}
    if hook.bearer_variable:
        headers["Authorization"] = f"Bearer {os.environ.get(hook.bearer_variable, '').strip()}"
    for attempt in range(hook.retries + 1):
        if attempt:
            sleep(PAUSE * 2 ** (attempt - 1))
        request = urllib.request.Request(hook.url, content, headers, method="POST")
        try:
            with OPENER.open(request, timeout=hook.timeout):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            failure = f"it answers {error.code}"
            if error.code < 500 and error.code not in (408, 429):
                break
        except OSError as error:
            failure = f"{type(error).__name__}: {getattr(error, 'reason', error)}"
        except (HTTPException, ValueError) as error:  # their words may hold the address or the key
            failure = type(error).__name__
    log.error("the webhook was not told of alarm %s: %s", alarm.id, failure)
    return False


def _once(alarm: Alarm) -> str:
    return f"{alarm.id}-{'opened' if alarm.open else 'closed'}"
