import threading

import numpy as np
import pytest

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.player import Player, SilentOutput
from earmark.realtime.audio.ring_buffer import RingBuffer


class FakeOutput:
    """Keeps what it is given; takes a block when it is let."""

    latency = 0.0

    def __init__(self, rate: float = SAMPLE_RATE) -> None:
        self.rate = rate
        self.played: list[np.ndarray] = []
        self.allowed = threading.Semaphore(0)
        self.is_lost = False
        self.is_closed = False

    def write(self, samples: np.ndarray) -> None:
        self.allowed.acquire(timeout=5)
        if self.is_lost:
            raise AudioError("the output device was lost")
        self.played.append(samples)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def sound(noise) -> RingBuffer:
    ring = RingBuffer(1 << 16)
    ring.write(noise(3.0))
    return ring


def let(output: FakeOutput, blocks: int) -> None:
    for _ in range(blocks):
        output.allowed.release()


def test_what_is_played_is_the_sound_and_the_position_moves_with_it(sound, wait_for) -> None:
    output = FakeOutput()
    player = Player(lambda problem: None, lambda name: output)
    player.play(sound, 8_000, 16_000)
    assert player.is_playing
    let(output, 4)
    wait_for(lambda: player.position == 8_000 + 4 * 800)
    let(output, 20)
    wait_for(lambda: not player.is_playing)
    assert player.position == 16_000
    heard = np.concatenate(output.played)
    np.testing.assert_allclose(heard, sound.read(8_000, 8_000), atol=1e-6)
    wait_for(lambda: output.is_closed)
    player.close()


def test_pause_stays_where_it_is_and_play_goes_on_there(sound, wait_for) -> None:
    output = FakeOutput()
    player = Player(lambda problem: None, lambda name: output)
    player.play(sound, 0)
    let(output, 3)
    wait_for(lambda: player.position == 2_400)
    player.pause()
    at = player.position
    let(output, 3)
    assert not player.is_playing
    player.play(sound, at)
    let(output, 2)
    wait_for(lambda: player.position > at)
    player.close()


def test_loop_begins_again(sound, wait_for) -> None:
    output = FakeOutput()
    player = Player(lambda problem: None, lambda name: output)
    player.play(sound, 800, 2_400, loop=True)
    let(output, 5)
    wait_for(lambda: len(output.played) == 5)
    np.testing.assert_allclose(output.played[0], output.played[2], atol=1e-6)
    np.testing.assert_allclose(output.played[1], output.played[3], atol=1e-6)
    assert player.is_playing
    player.close()


def test_sound_is_brought_to_the_rate_of_the_device(tone, wait_for) -> None:
    ring = RingBuffer(1 << 15)
    ring.write(tone(440.0))
    output = FakeOutput(rate=48_000)
    player = Player(lambda problem: None, lambda name: output)
    player.play(ring, 0)
    let(output, 60)
    wait_for(lambda: not player.is_playing)
    heard = np.concatenate(output.played)
    assert np.abs(np.fft.rfft(heard[:24_000])).argmax() == 220
    player.close()


def test_without_a_device_time_goes_on_and_it_is_told(sound, wait_for) -> None:
    problems: list[str] = []

    def refuse(name: str | None) -> FakeOutput:
        raise AudioError("no sound can be played")

    player = Player(problems.append, refuse)
    player.play(sound, 0, 1_600)
    wait_for(lambda: not player.is_playing)
    assert player.position == 1_600
    assert problems == ["no sound can be played"]
    player.close()


def test_lost_device_pauses_and_is_told(sound, wait_for) -> None:
    problems: list[str] = []
    output = FakeOutput()
    player = Player(problems.append, lambda name: output)
    output.is_lost = True
    player.play(sound, 0)
    let(output, 1)
    wait_for(lambda: not player.is_playing)
    assert problems == ["the output device was lost"]
    player.close()
    player.close()


def test_silent_output_takes_as_long_as_the_sound() -> None:
    import time

    output = SilentOutput()
    began = time.monotonic()
    output.write(np.zeros(800, np.float32))
    output.close()
    assert time.monotonic() - began >= 0.05
