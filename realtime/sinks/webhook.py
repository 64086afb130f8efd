"""Events, posted one after the other until the receiver has them."""

import logging
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from earmark.models.shown import shown
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.records import Record

from .base import LiveStream
from .items import Item, StateChange
from .messages import as_json, event_message, state_message
from .timed_post import TimedPost

_LOG = logging.getLogger("earmark")

# Before the second try; each later one waits twice as long as the one before.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0

_MOST_WORDS = 200

# Answers that say: not now. All others of 400 and above will not change with time.
_PASSING = (408, 425, 429)


class WebhookSink:
    """Posts events and changes of state as JSON, in order, each until it is taken.

    A receiver takes one by an answer of 2xx. No answer, 5xx, 408, 425 and 429 are tried again,
    later and later; what is refused otherwise, or is not taken after the last try, is dropped and
    counted. The header ``Idempotency-Key`` and the member ``id`` are the same in each try.

    Args:
        stream: What is listened to.
        url: http or https; only its host is ever shown.
        token: Sent as ``Authorization: Bearer``.
        timeout: For all of a try (s).
        tries: Of each item.
        wait: Waits for some seconds.
    """

    name = "webhook"

    def __init__(
        self,
        stream: LiveStream,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 5.0,
        tries: int = 8,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.dropped = 0
        self._stream = stream
        self._url = url
        self._host = urlsplit(url).hostname
        self._timeout = timeout
        self._tries = tries
        self._wait = wait
        self._headers = {"Content-Type": "application/json", "User-Agent": "earmark"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = ssl.create_default_context()
        self._problem = ""

    def take(self, item: Item) -> None:
        """Post an item, if it is of those that are told; returns when it is taken or dropped."""
        if isinstance(item, TagEvent):
            self._deliver({"type": "event", **event_message(self._stream, item)})
        elif isinstance(item, StateChange):
            self._deliver({"type": "state", **state_message(self._stream, item)})

    def close(self) -> None:
        """Nothing is open between two posts."""

    def _deliver(self, message: Record) -> None:
        headers = {**self._headers, "Idempotency-Key": str(message["id"])}
        request = Request(self._url, as_json(message).encode(), headers, method="POST")
        wait = _FIRST_WAIT
        for number in range(1, self._tries + 1):
            asked_for = 0.0
            try:
                TimedPost(request, self._timeout, self._tls).send()
                self._say("")
                return
            except HTTPError as error:
                with error:
                    self._say(f"answers {error.code} {_words(error.reason)}")
                    if error.code < 500 and error.code not in _PASSING:
                        break
                    asked_for = _seconds(error.headers.get("Retry-After"))
            except (OSError, HTTPException, ValueError) as error:
                why = getattr(error, "reason", None) or str(error) or repr(error)
                self._say(f"cannot be reached ({_words(why)})")
            if number < self._tries:
                self._wait(min(max(wait, asked_for), _LONGEST_WAIT))
                wait *= 2
        self.dropped += 1

    def _say(self, problem: str) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem:
            _LOG.warning("webhook: %s %s", self._host, problem)
        else:
            _LOG.info("webhook: %s takes events again", self._host)


def _words(reason: object) -> str:
    """Return what a receiver says of itself, which may be anything."""
    return shown(str(reason))[:_MOST_WORDS]


def _seconds(header: str | None) -> float:
    """Return what ``Retry-After`` asks for; dates, which it may also hold, are not read."""
    return float(header) if header is not None and header.isdecimal() else 0.0
