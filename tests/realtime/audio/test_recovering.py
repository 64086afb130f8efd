import numpy as np
import pytest

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.recovering import RecoveringSource

BLOCK = np.full(1_600, 0.5, np.float32)


class FakeMicrophone:
    """Delivers when it is told to."""

    name = "USB Microphone"
    failure = None
    non_finite = 2

    def __init__(self) -> None:
        self.ended = False
        self.overflows = 0

    def start(self, write) -> None:
        self.write = write

    def close(self) -> None:
        self.ended = True


class Bench:
    """A recovering source whose time and devices the test turns."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.now = 100.0
        self.is_there = is_there
        self.opened: list[FakeMicrophone] = []
        self.rescans = 0
        self.heard: list[np.ndarray] = []
        self.source = RecoveringSource(
            self.open, "default", before_retry=self.rescan, clock=lambda: self.now
        )
        # The watching thread is left out: the test looks when it wants to.
        self.source._watch = lambda: None
        self.source.start(self.heard.append)

    def open(self) -> FakeMicrophone:
        if not self.is_there:
            raise AudioError("no microphone found: plug one in")
        self.opened.append(FakeMicrophone())
        return self.opened[-1]

    def rescan(self) -> None:
        self.rescans += 1

    def speak(self, block: np.ndarray = BLOCK) -> None:
        self.now += len(block) / SAMPLE_RATE
        self.opened[-1].write(block)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.source.check()

    @property
    def samples(self) -> np.ndarray:
        return np.concatenate([*self.heard, np.empty(0, np.float32)])


def test_blocks_pass_through_while_all_is_well() -> None:
    bench = Bench()
    for _ in range(50):
        bench.speak()
        bench.source.check()
    assert bench.source.liveness is Liveness.LISTENING
    assert bench.source.name == "USB Microphone"
    assert len(bench.opened) == 1
    np.testing.assert_array_equal(bench.samples, np.tile(BLOCK, 50))


def test_stalled_microphone_is_opened_again_and_time_is_not_stretched() -> None:
    bench = Bench()
    bench.speak()
    bench.is_there = False
    bench.wait(2.5)
    assert bench.source.liveness is Liveness.RECOVERING
    assert "was lost" in bench.source.problem or "no microphone" in bench.source.problem
    for _ in range(20):
        bench.wait(0.5)
    bench.is_there = True
    for _ in range(10):
        bench.wait(0.5)
    assert bench.source.liveness is Liveness.LISTENING
    assert bench.source.problem == ""
    assert bench.rescans >= 2
    bench.speak()
    elapsed = bench.now - 100.0
    assert len(bench.samples) == pytest.approx(elapsed * SAMPLE_RATE, abs=SAMPLE_RATE * 5)
    gap = len(bench.samples) - 2 * len(BLOCK)
    assert not bench.samples[len(BLOCK) : len(BLOCK) + gap].any()
    (start, end), *others = bench.source.take_gaps()
    assert start == pytest.approx(0.1)
    assert (end - start) * SAMPLE_RATE == pytest.approx(gap)
    assert not others
    assert bench.source.take_gaps() == []


def test_time_from_opening_to_the_first_block_is_part_of_the_gap() -> None:
    bench = Bench()
    bench.speak()
    bench.wait(2.5)
    assert len(bench.opened) == 2
    bench.now += 1.0
    bench.speak()
    assert len(bench.samples) / SAMPLE_RATE == pytest.approx(bench.now - 100.0, abs=0.01)


def test_short_stall_is_told_before_the_device_is_given_up() -> None:
    bench = Bench()
    bench.speak()
    bench.wait(1.0)
    assert bench.source.liveness is Liveness.STALLED
    assert len(bench.opened) == 1
    bench.speak()
    assert bench.source.liveness is Liveness.LISTENING


def test_microphone_that_stays_away_is_said_to_have_failed_and_comes_back_all_the_same() -> None:
    bench = Bench()
    bench.speak()
    bench.is_there = False
    for _ in range(70):
        bench.wait(0.5)
    assert bench.source.liveness is Liveness.FAILED
    bench.is_there = True
    for _ in range(10):
        bench.wait(0.5)
    bench.speak()
    assert bench.source.liveness is Liveness.LISTENING


def test_microphone_that_is_not_waited_for_is_refused_at_the_start() -> None:
    def no_device() -> FakeMicrophone:
        raise AudioError("no microphone found: plug one in")

    source = RecoveringSource(no_device, "default", waits=False)
    with pytest.raises(AudioError, match="plug one in"):
        source.start(lambda block: None)


def test_first_block_may_take_longer_than_the_next_ones() -> None:
    bench = Bench()
    bench.wait(5.0)
    assert bench.source.liveness is Liveness.LISTENING
    bench.wait(2.0)
    assert len(bench.opened) == 2


def test_failed_source_is_told_with_its_reason() -> None:
    bench = Bench()
    bench.speak()
    bench.is_there = False
    bench.opened[-1].failure = AudioError("the device was unplugged")
    bench.source._next_try = float("inf")
    bench.wait(0.1)
    bench.source.check()
    assert bench.source.liveness is Liveness.RECOVERING
    assert "no microphone found" in bench.source.problem


def test_microphone_that_is_not_there_at_first_is_waited_for_without_silence() -> None:
    bench = Bench(is_there=False)
    assert bench.source.liveness is Liveness.RECOVERING
    assert "plug one in" in bench.source.problem
    for _ in range(10):
        bench.wait(1.0)
    assert len(bench.samples) == 0
    bench.is_there = True
    for _ in range(10):
        bench.wait(1.0)
    bench.speak()
    assert bench.source.liveness is Liveness.LISTENING
    assert bench.source.problem == ""


def test_tries_grow_further_apart_up_to_a_limit() -> None:
    bench = Bench()
    bench.speak()
    bench.is_there = False
    bench.wait(2.5)
    tries = []
    for _ in range(600):
        before = bench.rescans
        bench.wait(0.1)
        if bench.rescans > before:
            tries.append(bench.now)
    waits = np.diff(tries)
    assert waits[0] < 1.2
    assert waits[-1] == pytest.approx(4.0, abs=0.11)


def test_nothing_but_zeros_is_silence() -> None:
    bench = Bench()
    bench.speak()
    for _ in range(40):
        bench.speak(np.zeros(1_600, np.float32))
    assert bench.source.liveness is Liveness.SILENT
    assert bench.source.has_sounded
    bench.speak()
    assert bench.source.liveness is Liveness.LISTENING


def test_losses_of_all_devices_are_added_up() -> None:
    bench = Bench()
    bench.opened[-1].overflows = 3
    bench.speak()
    bench.wait(2.5)
    bench.opened[-1].overflows = 4
    assert bench.source.overflows == 7
    assert bench.source.non_finite == 4


def test_closed_source_ends_and_may_be_closed_twice() -> None:
    bench = Bench()
    bench.source.close()
    bench.source.close()
    assert bench.opened[-1].ended
    assert bench.source.liveness is Liveness.ENDED
