"""What is told to sinks in their tests."""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pytest

from earmark.models.streaming.results import WindowResult
from earmark.realtime.commands.live import add_arguments
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.sinks.base import Sink
from earmark.realtime.sinks.items import Item


@pytest.fixture
def event() -> Callable[..., TagEvent]:
    """Make an event: ``event(tag="Dog", start=1.25, end=2.0)``."""

    def make(tag: str = "Dog", start: float = 1.25, end: float = 2.0) -> TagEvent:
        return TagEvent(tag, start, end, peak=0.9, mean=0.75, branch="timbre")

    return make


@pytest.fixture
def window() -> Callable[..., WindowResult]:
    """Make a window of some probabilities, of which each branch believes half."""

    def make(*values: float, start: int = 0) -> WindowResult:
        row = np.array(values, np.float32)
        halves = np.stack([row] * 4) / 2
        return WindowResult(start, start + 16_000, row, halves, inference_seconds=0.0)

    return make


@pytest.fixture
def options() -> Callable[..., argparse.Namespace]:
    """Understand the options of ``earmark live``: ``options("--osc", "localhost:9000")``."""

    def parse(*words: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return parser.parse_args(list(words))

    return parse


@pytest.fixture
def seconds_to_tell() -> Callable[[Sink, list[Item]], float]:
    """Measure what telling a sink all of some items takes the one who tells (s)."""

    def measure(sink: Sink, items: list[Item]) -> float:
        started = time.perf_counter()
        for item in items:
            sink.take(item)
        return time.perf_counter() - started

    return measure
