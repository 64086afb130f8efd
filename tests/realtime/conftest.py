"""What the tests of listening share: a virtual microphone, streams to tell sinks of."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.live.clock import StreamClock
from earmark.realtime.sinks.base import LiveStream, Status

from ..drills.virtual_microphone import VirtualMicrophone, missing_program


@pytest.fixture
def virtual_microphone(tmp_path: Path) -> Iterator[VirtualMicrophone]:
    """A sound server of the test's own, ended with it."""
    if program := missing_program():
        pytest.skip(f"{program} is not installed: `make test` installs it on Debian")
    microphone = VirtualMicrophone.in_folder(tmp_path)
    try:
        microphone.plug_in()
        yield microphone
    finally:
        microphone.pull_out()


@pytest.fixture
def make_stream() -> Callable[..., LiveStream]:
    """Make a stream to tell sinks of: ``make_stream(("Dog", "Rain"))``.

    Its first second was captured at 1_800_000_000 s of the wall clock, ten seconds are there.
    """

    def make(tags: tuple[str, ...], **changes: object) -> LiveStream:
        sound = RingBuffer(60 * SAMPLE_RATE)
        sound.write(np.zeros(10 * SAMPLE_RATE, np.float32))
        clock = StreamClock(
            lambda sample: sample / SAMPLE_RATE,
            lambda: sound.written,
            monotonic=lambda: sound.written / SAMPLE_RATE,
            wall=lambda: 1_800_000_000 + sound.written / SAMPLE_RATE,
        )
        status = Status(10.0, Liveness.LISTENING, "", 90, 0, 0, (40.0, 50.0), (4.0, 5.0), {})
        thresholds = np.full(len(tags), 0.5, np.float32)
        stream = LiveStream(
            source="desk",
            bundle="tiny",
            tags=tags,
            branches=("pitch", "timbre", "waveform", "neuralogram"),
            thresholds=thresholds,
            hop=0.1,
            clock=clock,
            sound=sound,
            status=lambda: status,
        )
        return replace(stream, **changes)

    return make


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition that threads bring about: ``wait_for(lambda: ...)``."""

    def wait(condition: Callable[[], object]) -> None:
        for _ in range(1_000):
            if condition():
                return
            threading.Event().wait(0.005)
        pytest.fail("nothing came within 5 s")

    return wait
