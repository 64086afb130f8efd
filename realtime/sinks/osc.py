"""Probabilities at the rate of the windows, and events, as OSC messages by UDP.

Source: M. Wright, "The Open Sound Control 1.0 Specification" (2002).
"""

import logging
import socket
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import UDPClient

from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent

from .base import LiveStream
from .items import Item, Sounding, StateChange
from .slugs import slugs

_LOG = logging.getLogger("earmark")

# Bytes of a datagram that no Ethernet takes apart.
_DATAGRAM = 1_400
_BUNDLE_HEAD = 16
_ELEMENT_HEAD = 4

# Between two tries to find the address of a name.
_RETRY_SECONDS = 5.0


class OscSink:
    """Sends messages to one address, whether anyone listens there or not.

    With each window, in bundles: ``/earmark/tag/NAME`` with a float for each tag that can be an
    event; ``/earmark/branch/BRANCH/NAME`` likewise, if wanted; ``/earmark/top`` with the likeliest
    tags as string, float, string, float and so on. When it happens, each by itself:
    ``/earmark/event`` (tag, start s, end s, peak: sfff), ``/earmark/sounding`` (a string for each
    tag), ``/earmark/gate/NAME`` (1 or 0), ``/earmark/state`` (liveness, reason: ss). NAME is the
    tag in small letters, digits and underscores.

    Args:
        stream: What is listened to.
        host: Name or address.
        port: UDP.
        top: How many tags are likeliest.
        has_branches: Whether the branches are told.
    """

    name = "osc"

    def __init__(
        self, stream: LiveStream, host: str, port: int, *, top: int, has_branches: bool
    ) -> None:
        self.dropped = 0
        self._stream = stream
        self._host = host
        self._port = port
        self._top = top
        self._branches = tuple(stream.branches) if has_branches else ()
        self._chosen = [int(tag) for tag in np.flatnonzero(stream.thresholds <= 1)]
        self._parts = slugs(stream.tags)
        self._part_of = dict(zip(stream.tags, self._parts, strict=True))
        self._sounding: tuple[str, ...] = ()
        self._client: UDPClient | None = None
        self._next_try = 0.0
        self._problem = ""

    def take(self, item: Item) -> None:
        """Send the messages of an item."""
        try:
            for content in self._contents(item):
                self._reached().send(content)
        except OSError as error:
            self.dropped += 1
            if str(error) != self._problem:
                self._problem = str(error)
                place = f"{self._host}:{self._port}"
                _LOG.warning("osc: cannot send to %s (%s); it is tried again", place, error)
        else:
            self._problem = ""

    def close(self) -> None:
        """Let the socket go."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _contents(self, item: Item) -> Iterator[OscMessage | OscBundle]:
        if isinstance(item, WindowResult):
            yield from _bundled(self._of_window(item))
        elif isinstance(item, TagEvent):
            yield _message("/earmark/event", item.tag, item.start, item.end, item.peak)
        elif isinstance(item, Sounding):
            yield from self._of_sounding(item.tags)
        elif isinstance(item, StateChange):
            yield _message("/earmark/state", item.liveness.value, item.reason)

    def _of_window(self, result: WindowResult) -> Iterator[OscMessage]:
        yield from self._of_tags("/earmark/tag", result.probabilities)
        for branch in self._branches:
            row = self._stream.branches.index(branch)
            beliefs = result.branch_probabilities[row]
            yield from self._of_tags(f"/earmark/branch/{branch}", beliefs)
        best = np.argsort(-result.probabilities, kind="stable")[: self._top]
        pairs = ((self._stream.tags[tag], float(result.probabilities[tag])) for tag in best)
        yield _message("/earmark/top", *(value for pair in pairs for value in pair))

    def _of_tags(self, root: str, row: NDArray[np.float32]) -> Iterator[OscMessage]:
        for tag in self._chosen:
            yield _message(f"{root}/{self._parts[tag]}", float(row[tag]))

    def _of_sounding(self, tags: Sequence[str]) -> Iterator[OscMessage]:
        before, self._sounding = self._sounding, tuple(tags)
        yield _message("/earmark/sounding", *tags)
        for tag in before:
            if tag not in tags:
                yield _message(f"/earmark/gate/{self._part_of[tag]}", 0)
        for tag in tags:
            if tag not in before:
                yield _message(f"/earmark/gate/{self._part_of[tag]}", 1)

    def _reached(self) -> UDPClient:
        """Return what sends to the address, looked up when first needed.

        Raises:
            OSError: If the name stands for no address at present.
        """
        if self._client is None:
            if time.monotonic() < self._next_try:
                raise OSError(self._problem)
            self._next_try = time.monotonic() + _RETRY_SECONDS
            self._client = UDPClient(_address_of(self._host), self._port, allow_broadcast=True)
        return self._client


def _address_of(host: str) -> str:
    """Return an address of a name, one of version 4 if it has any: most listen only there."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    found.sort(key=lambda entry: entry[0] is not socket.AF_INET)
    return str(found[0][4][0])


def _message(address: str, *values: str | float) -> OscMessage:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def _bundled(messages: Iterable[OscMessage]) -> Iterator[OscBundle]:
    """Put messages into as few bundles as they fit into, in order."""
    builder, size = OscBundleBuilder(IMMEDIATELY), _BUNDLE_HEAD
    for message in messages:
        more = _ELEMENT_HEAD + message.size
        if size > _BUNDLE_HEAD and size + more > _DATAGRAM:
            yield builder.build()
            builder, size = OscBundleBuilder(IMMEDIATELY), _BUNDLE_HEAD
        builder.add_content(message)
        size += more
    yield builder.build()
