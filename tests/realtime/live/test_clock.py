from collections.abc import Iterator

import pytest

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.live.clock import StreamClock

DAWN = 1_800_000_000.0


class Device:
    """A device that delivers half a second at a time, by a clock of its own."""

    def __init__(self, drift: float = 0.0) -> None:
        self.rate = SAMPLE_RATE * (1 + drift)
        self.monotonic = 50.0
        self.wall = DAWN
        self.written = 0
        self.clock = StreamClock(
            lambda sample: self.monotonic - (self.written - sample) / SAMPLE_RATE,
            lambda: self.written,
            monotonic=lambda: self.monotonic,
            wall=lambda: self.wall,
        )

    def run(self, seconds: float) -> float:
        """Go on for some true seconds and return what the wall clock shows then."""
        for wall in self.steps(seconds):
            shown = wall
        return shown

    def steps(self, seconds: float) -> Iterator[float]:
        """Go on for some true seconds, giving the wall clock after each half second."""
        for _ in range(round(2 * seconds)):
            self.pass_by(0.5)
            self.written += round(0.5 * self.rate)
            self.clock.observe()
            yield self.wall

    def pass_by(self, seconds: float, *, asleep: bool = False) -> None:
        self.wall += seconds
        if not asleep:
            self.monotonic += seconds

    @property
    def seconds(self) -> float:
        return self.written / SAMPLE_RATE


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_drifting_device_is_within_50_ms_of_the_time_of_day_for_24_hours(drift: float) -> None:
    device = Device(drift)
    worst = 0.0
    for wall in device.steps(24 * 3_600):
        worst = max(worst, abs(device.clock.time_of(device.seconds) - wall))
    assert worst < 0.05
    # The count of samples alone would be off by 17 s.
    assert abs(device.seconds - 24 * 3_600) > 17


def test_what_began_minutes_ago_is_placed_as_well_as_what_is_now() -> None:
    device = Device(200e-6)
    began = device.run(600)
    seconds = device.seconds
    device.run(1_200)
    assert device.clock.time_of(seconds) == pytest.approx(began, abs=0.05)


def test_wall_clock_set_back_changes_only_what_is_heard_after_it() -> None:
    device = Device()
    before = device.run(60)
    heard_before = device.seconds
    device.wall -= 3_600
    after = device.run(60)
    assert device.clock.time_of(heard_before - 5) == pytest.approx(before - 5, abs=0.05)
    assert device.clock.time_of(device.seconds) == pytest.approx(after, abs=0.05)


def test_after_a_sleep_of_the_computer_times_are_those_of_the_wall_again() -> None:
    device = Device()
    evening = device.run(60)
    heard_before = device.seconds
    device.pass_by(8 * 3_600, asleep=True)
    morning = device.run(60)
    assert device.clock.time_of(heard_before - 5) == pytest.approx(evening - 5, abs=0.05)
    assert device.clock.time_of(device.seconds) == pytest.approx(morning, abs=0.05)


def test_marks_do_not_grow_with_the_stream() -> None:
    device = Device()
    device.run(3 * 3_600)
    assert len(device.clock._seconds) == 3_600
    # What is older than all marks is reckoned from the oldest of them.
    assert device.clock.time_of(0.0) == pytest.approx(DAWN, abs=0.05)


def test_clock_that_was_never_observed_looks_once() -> None:
    device = Device()
    assert device.clock.time_of(0.0) == DAWN
