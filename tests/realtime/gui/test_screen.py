"""The app on a screen: the real model, the command, a virtual display and a virtual microphone."""

import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyQt6.QtGui import QImage

from earmark.__main__ import main
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.gui.controller import Controller
from earmark.realtime.gui.sources import KEPT_SECONDS, Source
from earmark.realtime.gui.window import MainWindow

DEMO = Path(__file__).parents[3] / "assets" / "demo.flac"


def resident_megabytes() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class EndlessHearing:
    """Half an hour in a moment: a live stream that is as far as the test says."""

    duration, hop, name, problem, is_over = None, 0.1, "endless", "", False

    def __init__(self, n_tags: int) -> None:
        self.sound = RingBuffer(round((KEPT_SECONDS + 60) * SAMPLE_RATE))
        self._random = np.random.default_rng(0)
        self._n_tags = n_tags
        self._next = 0

    def start(self) -> None: ...

    def close(self) -> None: ...

    def go_on(self, seconds: float) -> None:
        samples = self._random.standard_normal(round(seconds * SAMPLE_RATE), np.float32)
        self.sound.write(0.1 * samples)

    def poll(self, timeout: float) -> list[WindowResult]:
        found = []
        while self._next + SAMPLE_RATE <= self.sound.written:
            values = 0.3 * self._random.random((5, self._n_tags), np.float32)
            # A tag that comes and goes for a few seconds at a time.
            values[0] = 0.9 * (self._next // (3 * SAMPLE_RATE) % 2)
            end = self._next + SAMPLE_RATE
            found.append(WindowResult(self._next, end, values[0], values[1:], 0.005))
            self._next += 1_600
        return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_half_an_hour_takes_no_more_memory_than_what_is_kept(
    qtbot, settings, tiny_bundle, player
) -> None:
    hearing = EndlessHearing(len(tiny_bundle.metadata.vocabulary))
    hearing.sound._samples[:] = 0  # all of its memory is in use from the beginning
    controller = Controller(
        settings,
        open_source=lambda source, bundle, hop: hearing,
        load=lambda folder, device: tiny_bundle,
        player=player,
    )
    window = MainWindow(controller, None)
    qtbot.addWidget(window)
    window.show()
    window._timer.stop()
    controller.start(Source("microphone"))
    qtbot.waitUntil(lambda: controller.stream is not None)
    stream = controller.stream
    after = {}
    for minute in range(1, 31):
        for _ in range(12):
            hearing.go_on(5.0)
            while stream.windows.end < (hearing.sound.written - SAMPLE_RATE) // 1_600 + 1:
                window.redraw()
            for _ in range(12):
                window.redraw()
        window.grab()
        if minute in (19, 30):
            # Where many tests ran before, Python lets garbage lie for long; it is not kept.
            gc.collect()
        after[minute] = resident_megabytes()
    assert stream.windows.end == 17_991
    assert stream.windows.end - stream.windows.first < 9_000 + 2_048
    assert stream.seconds - stream.oldest >= 600
    assert len(stream.events.events) == 5 * 299
    assert after[30] - after[19] < 8, after
    window.close()


def test_screenshot_shows_the_moment_that_is_asked_for(tmp_path, monkeypatch) -> None:
    out = tmp_path / "app.png"
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path)}
    command = ("app", "--source", "demo", "--at", "14", "--screenshot", str(out), "--size")
    drawn = subprocess.run(
        [sys.executable, "-m", "earmark", *command, "1000x700"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert drawn.returncode == 0, drawn.stderr
    image = QImage(str(out))
    assert (image.width(), image.height()) == (1_000, 700)
    colours = {image.pixelColor(x, y).name() for x in range(0, 1_000, 5) for y in range(0, 700, 5)}
    assert len(colours) > 200
    # What is drawn for once leaves no settings behind.
    assert not (tmp_path / "earmark").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--size", "big"), "--size must be such as 1280x800"),
        (("--at", "-1"), "--at must be 0 seconds or more"),
        (("--screenshot", "app.jpg"), "must end with .png"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_opened(arguments, told, capsys) -> None:
    assert main(["app", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_without_a_display_the_terminal_is_named(monkeypatch, capsys) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["app", "--source", "demo"]) == 1
    assert "earmark live" in capsys.readouterr().err
    assert main([]) == 1


def test_signal_in_the_middle_of_a_redraw_closes_the_app_after_it(tmp_path) -> None:
    interrupted = """
import os, signal, sys
from earmark.__main__ import main
from earmark.realtime.gui.stream.stream import ObservedStream
whole = ObservedStream.advance
def advance(self, seconds):
    found = whole(self, seconds)
    os.kill(os.getpid(), signal.SIGTERM)
    return found
ObservedStream.advance = advance
sys.exit(main(["app", "--source", "demo"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", interrupted],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


def test_screenshot_of_what_cannot_be_opened_fails_with_the_reason(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    out = tmp_path / "app.png"
    command = ("app", "--source", str(tmp_path / "notes.txt"), "--screenshot", str(out))
    drawn = subprocess.run(
        [sys.executable, "-m", "earmark", *command],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert drawn.returncode == 1
    assert "is not an audio file" in drawn.stderr
    assert not out.exists()


LISTENER = """
import json, sys, time
import torch
torch.set_num_threads(1)
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from earmark.realtime.gui.controller import Controller
from earmark.realtime.gui.window import MainWindow
from earmark.realtime.gui.settings import AppSettings
from earmark.realtime.gui.sources import Source
from earmark.realtime.audio.liveness import Liveness

app = QApplication([])
controller = Controller(AppSettings())
window = MainWindow(controller, None)
window.show()
controller.start(Source("microphone", "pulse"))

def after(condition, then):
    timer = QTimer(window)
    def look():
        if condition():
            timer.stop()
            timer.deleteLater()
            then()
    timer.timeout.connect(look)
    timer.start(20)

def measure():
    screen, stream = window.presenter.screen, controller.stream
    latency, p95 = screen.latency_ms()
    heard = {event.tag for event in stream.events.between(0.0, 1e9, merge_gap=0.5)}
    said = dict(fps=screen.drawings_per_second(), skipped=stream.hearing.skipped, p95=p95,
                latency=latency, windows=stream.windows.end, heard=sorted(heard),
                problem=window.banner.text)
    print(json.dumps(said), flush=True)
    after(lambda: controller.liveness is Liveness.RECOVERING and window.banner.text, pulled)

def pulled():
    print(json.dumps(dict(problem=window.banner.text)), flush=True)
    after(lambda: controller.liveness is not Liveness.RECOVERING and not window.banner.text, back)

def back():
    print(json.dumps(dict(seconds=controller.stream.seconds)), flush=True)
    window.close()

def settled():
    # The first drawings are of an app that starts; what counts is how it goes on.
    window.presenter.screen.__init__()
    end = time.monotonic() + 10
    after(lambda: time.monotonic() > end, measure)

after(lambda: controller.stream is not None and controller.stream.windows.end > 20, settled)
sys.exit(app.exec())
"""


@pytest.mark.hardware
@pytest.mark.slow
def test_live_on_a_virtual_screen_is_smooth_fresh_and_survives_a_pulled_plug(
    virtual_microphone, tmp_path
) -> None:
    if shutil.which("xvfb-run") is None:
        pytest.skip("xvfb-run is not installed: `make test` installs it on Debian")
    samples, rate = soundfile.read(DEMO)
    soundfile.write(tmp_path / "rain.wav", np.tile(samples[13 * rate : 17 * rate], 10), rate)
    speaker = virtual_microphone.speak(tmp_path / "rain.wav")
    environment = {**virtual_microphone.environment, "QT_QPA_PLATFORM": "xcb"}
    app = subprocess.Popen(
        ["xvfb-run", "-a", sys.executable, "-c", LISTENER],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        measured = json.loads(app.stdout.readline())
        virtual_microphone.pull_out()
        pulled = json.loads(app.stdout.readline())
        virtual_microphone.plug_in()
        back = json.loads(app.stdout.readline())
        assert app.wait(timeout=30) == 0
    finally:
        app.kill()
        app.communicate()
        speaker.kill()
        speaker.wait(timeout=10)
    assert measured["problem"] == ""
    assert measured["fps"] >= 25, measured
    assert measured["skipped"] == 0, measured
    assert measured["p95"] <= 150, measured
    assert {"Rain", "Water"} & set(measured["heard"]), measured
    assert pulled["problem"]
    assert back["seconds"] > 10
