"""The app without sound devices: microphones that the test speaks into, and a tiny model."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from earmark.models.bundle.load import Bundle
from earmark.models.errors import AudioError
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.player import Player
from earmark.realtime.audio.recovering import RecoveringSource
from earmark.realtime.gui.controller import Controller
from earmark.realtime.gui.settings import AppSettings
from earmark.realtime.gui.sources import KEPT_SECONDS, Source, open_source
from earmark.realtime.gui.stream.session import Hearing
from earmark.realtime.gui.window import MainWindow
from earmark.realtime.live.session import ListeningSession

BLOCK = SAMPLE_RATE // 20


class FakeMicrophone:
    """Hears what the test says."""

    failure = None
    overflows = 0
    non_finite = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = False

    def start(self, write: Callable[[np.ndarray], None]) -> None:
        self._write = write

    def close(self) -> None:
        self.ended = True

    def speak(self, samples: np.ndarray) -> None:
        for first in range(0, len(samples), BLOCK):
            if not self.ended:
                self._write(samples[first : first + BLOCK])


class Room:
    """The microphones of a test by their name, and how they are opened."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.microphones: dict[str, FakeMicrophone] = {}

    def microphone(self, name: str) -> FakeMicrophone:
        if name in self.missing:
            raise AudioError(f"no input device {name!r}")
        self.microphones[name] = FakeMicrophone(name)
        return self.microphones[name]

    def open(self, source: Source, bundle: Bundle, hop: float) -> Hearing:
        if not source.is_live:
            return open_source(source, bundle, hop)
        name = source.name or "default"
        recovering = RecoveringSource(lambda: self.microphone(name), name)
        engine = InferenceEngine(bundle)
        session = ListeningSession(recovering, engine, hop=hop, kept_seconds=KEPT_SECONDS + 60)
        session.start()
        return session


class InstantOutput:
    """Plays without a sound and without taking time."""

    rate = float(SAMPLE_RATE)
    latency = 0.0

    def write(self, samples: np.ndarray) -> None:
        del samples

    def close(self) -> None: ...


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def player() -> Iterator[Player]:
    playing = Player(lambda problem: None, lambda name: InstantOutput())
    yield playing
    playing.close()


@pytest.fixture
def settings(tmp_path: Path) -> AppSettings:
    return AppSettings(recordings=str(tmp_path / "recordings"), rows=4)


@pytest.fixture
def controller(
    qapp, room: Room, player: Player, tiny_bundle: Bundle, settings: AppSettings
) -> Iterator[Controller]:
    made = Controller(
        settings, open_source=room.open, load=lambda folder, device: tiny_bundle, player=player
    )
    yield made
    made.close()


@pytest.fixture
def window(qtbot, controller: Controller, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(controller, tmp_path / "config" / "settings.json")
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()
