"""Histories as ``earmark live`` writes them, from streams that tests make up."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from earmark.models.streaming.results import WindowResult
from earmark.realtime.history.entries import SessionEntry
from earmark.realtime.history.writer import HistoryWriter
from earmark.realtime.sinks.base import LiveStream
from earmark.realtime.sinks.history import HistorySink


@pytest.fixture
def open_history(make_stream) -> Iterator[Callable[..., HistorySink]]:
    """Open a sink: ``open_history(path, tags=("Dog", "Rain"))``; closed after the test."""
    opened: list[HistorySink] = []

    def make(
        path: Path,
        tags: tuple[str, ...] = ("Dog", "Rain"),
        stream: LiveStream | None = None,
        **limits: float,
    ) -> HistorySink:
        stream = make_stream(tags) if stream is None else stream
        session = SessionEntry(f"run {len(opened)}", "desk", "tiny", 0.1, 1_800_000_000.0)
        opened.append(HistorySink(HistoryWriter(path, session, **limits), stream))
        return opened[-1]

    yield make
    for sink in opened:
        sink.close()


@pytest.fixture
def ask() -> Callable[..., list[tuple]]:
    """Ask a file from a connection of its own: ``ask(path, "SELECT ...")``."""

    def rows(path: Path, sql: str) -> list[tuple]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(sql).fetchall()

    return rows


@pytest.fixture
def window() -> Callable[..., WindowResult]:
    """Make the window that ends at a second: ``window(3.0, 0.9, 0.1)``."""

    def make(end: float, *probabilities: float) -> WindowResult:
        row = np.array(probabilities, np.float32)
        last = round(end * 16_000)
        return WindowResult(last - 16_000, last, row, np.stack([row] * 4), 0.004, 0.04)

    return make
