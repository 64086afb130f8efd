import dataclasses
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent

from earmark.__main__ import main
from earmark.models.errors import BundleError
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.gui.controller import Controller
from earmark.realtime.gui.settings import load_settings
from earmark.realtime.gui.sources import Source

DOG = TagEvent("Dog", 1.0, 2.5, 0.9, 0.8, "timbre")


def listen(qtbot, window, room, name: str = ""):
    """Open a microphone and return it."""
    if window.controller.bundle is None:
        window.controller.start(Source("microphone", name))
    else:
        window.open(Source("microphone", name))
    key = name or "default"
    qtbot.waitUntil(
        lambda: window.controller.stream is not None and window.controller.source.name == name
    )
    return room.microphones[key]


def look_at(qtbot, window, path: Path) -> None:
    """Open a recording and wait until all of it is tagged."""
    if window.controller.bundle is None:
        window.controller.start(Source("recording", str(path)))
    else:
        window.open(Source("recording", str(path)))
    qtbot.waitUntil(lambda: is_tagged(window), timeout=20_000)


def is_tagged(window) -> bool:
    stream = window.controller.stream
    if stream is None or not stream.is_complete:
        return False
    before = stream.events.version
    window.redraw()
    return stream.events.version == before and stream.windows.end > 0


def say(qtbot, window, microphone, samples: np.ndarray) -> None:
    """Speak, and wait until all of it is heard and shown."""
    stream = window.controller.stream
    for first in range(0, len(samples), 1_600):
        target = stream.hearing.sound.written + len(samples[first : first + 1_600])
        microphone.speak(samples[first : first + 1_600])
        assert stream.hearing.sound.written == target
        wanted = (target - SAMPLE_RATE) // 1_600 + 1
        qtbot.waitUntil(
            lambda n=wanted: stream.windows.end + stream.hearing.skipped >= n, timeout=10_000
        )


@pytest.fixture
def recording(noise, tone, tmp_path) -> Path:
    path = tmp_path / "street.wav"
    soundfile.write(path, np.concatenate([noise(2.0), tone(440.0, 2.0)]), SAMPLE_RATE)
    return path


# Live


def test_live_shows_tags_images_level_and_timeline(qtbot, window, room, noise) -> None:
    microphone = listen(qtbot, window, room)
    say(qtbot, window, microphone, noise(3.0, amplitude=0.3))
    qtbot.waitUntil(lambda: len(window.views.images.images) == 4)
    assert len(window.views.tags.rows) == 4
    assert window.views.timeline.n_curves == 4
    start, end = window.views.timeline.visible_range
    assert end == pytest.approx(3.0)
    assert end - start == pytest.approx(20.0)
    qtbot.waitUntil(lambda: "sound to screen" in window.views.status.text)
    assert window.views.top_bar.state.text() == "listening"
    assert "tiny on CPU" in window.views.top_bar.model.text()
    assert window.presenter.screen.latency_ms()[0] > 0
    assert window._upper.currentIndex() == 1


def test_device_can_be_switched_while_live(qtbot, window, room, noise) -> None:
    first = listen(qtbot, window, room, "Desk")
    say(qtbot, window, first, noise(1.5))
    second = listen(qtbot, window, room, "Street")
    qtbot.waitUntil(lambda: first.ended)
    assert not second.ended
    assert window.controller.stream.hearing.name == "Street"
    say(qtbot, window, second, noise(1.2))
    assert load_settings(window._settings_file)[0].input_device == "Street"


def test_freezing_keeps_the_view_and_capture_goes_on(qtbot, window, room, noise) -> None:
    microphone = listen(qtbot, window, room)
    say(qtbot, window, microphone, noise(2.0))
    window.redraw()
    window.controller.playback.toggle()
    frozen, cursor = window.views.timeline.visible_range, window.controller.playback.cursor
    say(qtbot, window, microphone, noise(1.0))
    window.redraw()
    assert window.views.timeline.visible_range == frozen
    assert window.controller.playback.cursor == cursor
    assert window.controller.stream.windows.end >= 20
    qtbot.mouseClick(window.views.transport.follow, Qt.MouseButton.LeftButton)
    window.redraw()
    assert window.views.timeline.visible_range[1] == pytest.approx(3.0)


def test_looking_back_shows_the_tags_of_then(qtbot, window, room, noise, tone) -> None:
    microphone = listen(qtbot, window, room)
    say(qtbot, window, microphone, np.concatenate([noise(2.0, amplitude=0.4), tone(440.0, 2.0)]))
    window.views.timeline.sought.emit(1.0)
    window.redraw()
    assert window.controller.playback.is_frozen
    number = window.controller.stream.windows.nearest(1.0)
    wanted = window.controller.stream.windows.smoothed(number, number + 1)[0]
    shown = {row.tag: row.combined for row in window.views.tags.rows}
    tags = window.controller.stream.tags
    for tag, value in shown.items():
        assert value == pytest.approx(float(wanted[tags.index(tag)]), abs=1e-6)


def test_event_is_heard_again_while_live(qtbot, window, room, noise) -> None:
    microphone = listen(qtbot, window, room)
    say(qtbot, window, microphone, noise(4.0))
    window.views.events.event_chosen.emit(DOG)
    qtbot.waitUntil(lambda: window.controller.player.position > SAMPLE_RATE)
    assert not window.controller.playback.is_frozen


def test_silent_microphone_is_explained(qtbot, window, room, noise, monkeypatch) -> None:
    microphone = listen(qtbot, window, room)
    source = window.controller.stream.hearing.capture.source
    monkeypatch.setattr(type(source), "liveness", Liveness.SILENT)
    qtbot.waitUntil(lambda: "silent" in window.views.welcome.text)
    assert window._upper.currentIndex() == 0
    # One that was heard before is only quiet: the tags stay where they are.
    microphone.speak(noise(0.1))
    qtbot.waitUntil(lambda: window._upper.currentIndex() == 1)
    qtbot.waitUntil(lambda: window.views.top_bar.state.text() == "silent")


def test_missing_microphone_is_told_and_taken_when_it_comes(qtbot, window, room) -> None:
    room.missing.add("default")
    window.controller.start(Source("microphone"))
    qtbot.waitUntil(lambda: "no input device" in window.banner.text.lower())
    qtbot.waitUntil(lambda: "Waiting" in window.views.welcome.text)
    room.missing.clear()
    qtbot.waitUntil(lambda: window.controller.liveness is Liveness.LISTENING, timeout=10_000)
    qtbot.waitUntil(lambda: window.banner.text == "")


def test_pulled_microphone_is_told_and_comes_back(qtbot, window, room, noise) -> None:
    microphone = listen(qtbot, window, room)
    say(qtbot, window, microphone, noise(1.5))
    room.missing.add("default")
    microphone.ended = True
    qtbot.waitUntil(lambda: window.controller.liveness is Liveness.RECOVERING)
    qtbot.waitUntil(lambda: "default" in window.banner.text)
    stream = window.controller.stream
    room.missing.clear()
    qtbot.waitUntil(lambda: window.controller.liveness is Liveness.LISTENING, timeout=10_000)
    qtbot.waitUntil(lambda: window.banner.text == "")
    assert window.controller.stream is stream
    before = stream.hearing.sound.written
    room.microphones["default"].speak(noise(0.5))
    assert stream.hearing.sound.written >= before + SAMPLE_RATE // 2


def test_error_in_the_worker_is_told_and_the_app_goes_on(
    qtbot, window, room, noise, monkeypatch
) -> None:
    microphone = listen(qtbot, window, room)

    def fail(window: np.ndarray, start: int) -> None:
        raise RuntimeError("the GPU is gone")

    monkeypatch.setattr(window.controller.stream.hearing._engine, "process", fail)
    microphone.speak(noise(1.5))
    qtbot.waitUntil(lambda: "the GPU is gone" in window.banner.text)
    assert window.controller.stream is None
    say(qtbot, window, listen(qtbot, window, room), noise(1.2))


def test_start_and_stop_end_what_they_began(qtbot, window, room) -> None:
    microphone = listen(qtbot, window, room)
    qtbot.mouseClick(window.views.top_bar.start, Qt.MouseButton.LeftButton)
    assert window.controller.stream is None
    qtbot.waitUntil(lambda: microphone.ended)
    qtbot.waitUntil(lambda: window._upper.currentIndex() == 0)
    qtbot.mouseClick(window.views.top_bar.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.controller.stream is not None)


# Recordings


def test_file_is_tagged_and_shown_whole(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    assert window.controller.playback.duration == pytest.approx(4.0)
    assert window.controller.stream.windows.end == 31
    assert window.views.timeline.visible_range[0] == 0.0
    assert not window.views.top_bar.record.isEnabled()


def test_tags_of_a_file_equal_those_of_the_command_line(
    qtbot, window, recording, tiny_bundle_folder, capsys
) -> None:
    look_at(qtbot, window, recording)
    # The window's bundle computes in float32.
    arguments = ("--windows", "--all-tags", "--format", "jsonl", "--hop", "0.1")
    arguments += ("--precision", "float32")
    assert main(["file", str(recording), *arguments, "--bundle", str(tiny_bundle_folder)]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    windows = window.controller.stream.windows
    assert len(records) == windows.end
    for number, record in enumerate(records):
        result = windows.result(number)
        assert result.start == pytest.approx(record["start"], abs=1e-4)
        tags = list(record["tags"].values())
        np.testing.assert_allclose(result.probabilities, tags, atol=2e-6)
        branches = [list(branch.values()) for branch in record["branches"].values()]
        np.testing.assert_allclose(result.branch_probabilities, branches, atol=2e-6)


def test_playing_moves_the_playhead_and_pausing_holds_it(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    window.controller.playback.seek(1.0)
    window.redraw()
    assert window.views.transport.time.text().startswith("0:01.0")
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.controller.playback.cursor == pytest.approx(4.0))
    assert not window.controller.playback.is_playing
    qtbot.keyClick(window, Qt.Key.Key_Home)
    qtbot.keyClick(window, Qt.Key.Key_Right)
    assert window.controller.playback.cursor == pytest.approx(4.0)
    qtbot.keyClick(window, Qt.Key.Key_Left)
    assert window.controller.playback.cursor == 0.0


def test_loop_goes_on_until_it_is_ended(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    window.controller.playback.set_looping(True)
    assert window.controller.playback.is_playing
    window.redraw()
    assert window.views.transport.loop.isChecked()
    window.controller.playback.hear(DOG)
    assert window.controller.playback.is_playing
    window.controller.playback.set_looping(False)
    qtbot.waitUntil(lambda: not window.controller.playback.is_playing)


def test_dropped_file_is_opened(qtbot, window, recording) -> None:
    window.controller.start(None)
    qtbot.waitUntil(lambda: window.controller.bundle is not None)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(recording))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    qtbot.waitUntil(lambda: is_tagged(window), timeout=20_000)
    assert window.controller.source == Source("recording", str(recording))


def test_file_that_is_no_sound_is_told_and_another_can_be_opened(
    qtbot, window, recording, tmp_path
) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    window.controller.start(Source("recording", str(tmp_path / "notes.txt")))
    qtbot.waitUntil(lambda: "is not an audio file" in window.banner.text)
    assert window.controller.source is None
    look_at(qtbot, window, recording)
    assert window.banner.text == ""


def test_newest_choice_wins_when_several_are_opened(qtbot, window, recording, room) -> None:
    look_at(qtbot, window, recording)
    for source in (Source("microphone", "Desk"), Source("recording", str(recording))):
        window.open(source)
    qtbot.waitUntil(lambda: is_tagged(window), timeout=20_000)
    assert window.controller.source.kind == "recording"
    qtbot.waitUntil(lambda: room.microphones["Desk"].ended)


# Settings, pins, export


def test_pinned_tag_is_always_shown_and_is_kept(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    window.views.search.pin_asked.emit("Siren")
    window.redraw()
    assert window.views.tags.rows[0].tag == "Siren"
    assert window.views.tags.rows[0].is_pinned
    assert load_settings(window._settings_file)[0].pinned == ("Siren",)
    window.views.tags.pin_asked.emit("Siren")
    assert window.controller.settings.pinned == ()


def test_threshold_finds_the_events_anew(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    settings = window.controller.settings
    window.change_settings(dataclasses.replace(settings, threshold=0.01))
    qtbot.waitUntil(lambda: len(window.controller.stream.events.events) >= 5)
    stream = window.controller.stream
    window.change_settings(dataclasses.replace(settings, threshold=0.99))
    qtbot.waitUntil(lambda: window.controller.stream.events.events == [])
    assert window.controller.stream is stream
    window.dialogs.set_threshold("Dog", 0.01)
    qtbot.waitUntil(lambda: {e.tag for e in stream.events.events} == {"Dog"})


def test_other_hop_opens_the_source_again(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    window.change_settings(dataclasses.replace(window.controller.settings, hop=0.5))
    qtbot.waitUntil(lambda: is_tagged(window), timeout=20_000)
    assert window.controller.stream.windows.end == 7


def test_every_theme_and_colour_map_is_taken_while_it_runs(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    seen = set()
    for _ in range(3):
        qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
        window.redraw()
        seen.add(window.grab().toImage().pixelColor(2, 2).name())
    assert len(seen) == 3
    window.change_settings(dataclasses.replace(window.controller.settings, colour_map="magma"))
    window.grab()


@pytest.mark.parametrize("form", ["csv", "jsonl", "audacity", "raven", "rttm"])
def test_events_that_are_shown_are_exported(qtbot, window, recording, tmp_path, form) -> None:
    look_at(qtbot, window, recording)
    window.change_settings(dataclasses.replace(window.controller.settings, threshold=0.01))
    qtbot.waitUntil(lambda: len(window.views.events.shown) >= 5)
    window.views.events.filter.setText("dog")
    out = tmp_path / "events.txt"
    window.controller.export(out, form, window.views.events.shown)
    qtbot.waitUntil(lambda: "written to" in window.views.status.text)
    text = out.read_text()
    assert "Dog" in text
    assert "Rain" not in text
    window.controller.export(tmp_path / "none" / "events.txt", form, window.views.events.shown)
    qtbot.waitUntil(lambda: "Cannot write" in window.banner.text)
    window.controller.export(out, form, [])
    assert "no events" in window.banner.text


# Recording


def test_session_is_recorded_and_opens_again_looking_the_same(qtbot, window, room, noise) -> None:
    window.change_settings(dataclasses.replace(window.controller.settings, threshold=0.01))
    microphone = listen(qtbot, window, room)
    window.controller.toggle_recording()
    qtbot.waitUntil(lambda: window.controller.recording.is_on)
    say(qtbot, window, microphone, noise(3.0))
    stream = window.controller.stream
    starts = [stream.windows.result(i).start_sample for i in range(stream.windows.end)]
    values = stream.windows.result(stream.windows.end - 1).probabilities
    window.controller.toggle_recording()
    assert not window.controller.recording.is_on
    (folder,) = Path(window.controller.settings.recordings).iterdir()
    window.controller.close_stream()
    look_at(qtbot, window, folder)
    again = window.controller.stream
    assert [again.windows.result(i).start_sample for i in range(again.windows.end)] == starts
    np.testing.assert_array_equal(again.windows.result(again.windows.end - 1).probabilities, values)
    assert again.seconds == pytest.approx(3.0)
    assert again.events.events


def test_session_has_its_own_events_whatever_the_hop_is_now(qtbot, window, room, noise) -> None:
    window.change_settings(dataclasses.replace(window.controller.settings, threshold=0.01))
    microphone = listen(qtbot, window, room)
    window.controller.toggle_recording()
    qtbot.waitUntil(lambda: window.controller.recording.is_on)
    say(qtbot, window, microphone, noise(3.0))
    window.controller.close_stream()
    qtbot.waitUntil(lambda: "Recorded to" in window.views.status.text)
    (folder,) = Path(window.controller.settings.recordings).iterdir()
    found = []
    for hop in (0.1, 0.5):
        window.change_settings(dataclasses.replace(window.controller.settings, hop=hop))
        look_at(qtbot, window, folder)
        assert window.controller.stream.hop == 0.1
        found.append(window.controller.stream.events.events)
    assert found[0]
    assert found[0] == found[1]


def test_events_are_recorded_as_clips(qtbot, window, room, noise) -> None:
    settings = dataclasses.replace(
        window.controller.settings, threshold=0.01, record="events", merge_gap=0.0
    )
    window.change_settings(settings)
    microphone = listen(qtbot, window, room)
    window.controller.toggle_recording()
    qtbot.waitUntil(lambda: window.controller.recording.is_on)
    say(qtbot, window, microphone, noise(2.0))
    window.controller.stream.events._fresh.append(DOG)
    window.redraw()
    window.controller.toggle_recording()
    qtbot.waitUntil(lambda: "Recorded to" in window.views.status.text)
    (folder,) = Path(settings.recordings).iterdir()
    assert [path.suffix for path in folder.iterdir()] == [".flac"]


def test_recording_that_cannot_be_written_is_told(qtbot, window, room, noise, tmp_path) -> None:
    (tmp_path / "file").touch()
    settings = dataclasses.replace(
        window.controller.settings, recordings=str(tmp_path / "file" / "folder")
    )
    window.change_settings(settings)
    listen(qtbot, window, room)
    window.controller.toggle_recording()
    qtbot.waitUntil(lambda: "Cannot record to" in window.banner.text)
    assert not window.controller.recording.is_on


def test_only_a_microphone_is_recorded(qtbot, window, recording) -> None:
    look_at(qtbot, window, recording)
    window.controller.toggle_recording()
    assert "Only a microphone" in window.banner.text


def test_closing_completes_the_recording(qtbot, window, room, noise) -> None:
    microphone = listen(qtbot, window, room)
    window.controller.toggle_recording()
    qtbot.waitUntil(lambda: window.controller.recording.is_on)
    say(qtbot, window, microphone, noise(2.0))
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < 2
    (folder,) = Path(window.controller.settings.recordings).iterdir()
    assert soundfile.info(folder / "sound.flac").duration == pytest.approx(2.0)


# Ends


def threads_of_ours() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("earmark")}


def test_closing_ends_every_thread(qtbot, window, room, noise, player) -> None:
    listen(qtbot, window, room)
    assert {"earmark inference", "earmark watcher", "earmark inspector"} <= threads_of_ours()
    window.close()
    window.close()
    assert threads_of_ours() == set()


def test_closing_while_the_model_loads_ends_every_thread(
    qtbot, qapp, settings, player, tiny_bundle
) -> None:
    is_loading, may_go_on = threading.Event(), threading.Event()

    def load(folder, device):
        is_loading.set()
        may_go_on.wait(1.0)
        return tiny_bundle

    controller = Controller(settings, load=load, player=player)
    controller.start(Source("microphone"))
    assert is_loading.wait(5)
    assert controller.doing == "Loading the model ..."
    may_go_on.set()
    controller.close()
    qapp.processEvents()
    assert controller.stream is None
    assert threads_of_ours() == set()


def test_broken_model_is_told(qtbot, qapp, settings, player) -> None:
    def load(folder, device):
        raise BundleError("head.pt does not have the checksum that bundle.json states")

    controller = Controller(settings, load=load, player=player)
    with qtbot.waitSignal(controller.problem) as told:
        controller.start(Source("demo"))
    assert "checksum" in told.args[0]
    controller.close()


def test_redraw_stays_within_its_time(qtbot, window, room, noise) -> None:
    microphone = listen(qtbot, window, room)
    say(qtbot, window, microphone, noise(3.0))
    window.controller.playback.zoom(0.25)
    times = []
    for _ in range(30):
        began = time.perf_counter()
        window.redraw()
        times.append(time.perf_counter() - began)
    assert np.median(times) < 0.030
