import sys
from types import SimpleNamespace

import numpy as np
import pytest

from earmark.models.errors import AudioError
from earmark.realtime.audio.capture import Capture
from earmark.realtime.audio.devices import InputDevice, choose_device, list_devices
from earmark.realtime.audio.microphone import Microphone

DEVICES = [
    InputDevice(1, "Built-in Audio", "ALSA", 2, 48_000.0, is_default=False),
    InputDevice(4, "USB Microphone", "ALSA", 1, 44_100.0, is_default=True),
    InputDevice(7, "USB Microphone 2", "ALSA", 1, 16_000.0, is_default=False),
]


class FakePortAudio(SimpleNamespace):
    """What sounddevice offers, with a stream that is fed by the test."""

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self) -> None:
        super().__init__(default=SimpleNamespace(device=[4, 0]), refuses=False, stream=None)

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, object]]:
        inputs = [
            {
                "index": d.index,
                "name": d.name,
                "hostapi": 0,
                "max_input_channels": d.max_input_channels,
                "default_samplerate": d.default_sample_rate,
            }
            for d in DEVICES
        ]
        return [*inputs, {**inputs[0], "index": 9, "name": "HDMI", "max_input_channels": 0}]

    def InputStream(self, **wanted: object) -> SimpleNamespace:  # noqa: N802 - sounddevice's name
        def start() -> None:
            if self.refuses:
                raise self.PortAudioError("Device unavailable")

        self.stream = SimpleNamespace(**wanted, start=start, close=lambda: None)
        return self.stream

    def hear(self, block: np.ndarray, *, overflow: bool = False) -> None:
        status = SimpleNamespace(input_overflow=overflow)
        self.stream.callback(block, len(block), None, status)


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def wait_for(condition) -> None:
    import threading

    for _ in range(400):
        if condition():
            return
        threading.Event().wait(0.005)
    pytest.fail("nothing came within 2 s")


def test_inputs_are_listed_with_their_rates(portaudio) -> None:
    assert list_devices() == DEVICES


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (None, 4),
        ("1", 1),
        ("built-in audio", 1),
        ("built", 1),
        ("USB Microphone 2", 7),
        ("usb microphone", 4),
    ],
)
def test_device_is_chosen_by_name_part_or_index(asked: str | None, index: int) -> None:
    assert choose_device(DEVICES, asked).index == index


def test_unknown_device_names_those_that_are_there() -> None:
    with pytest.raises(
        AudioError, match="no input device 'USB Mikrofon'; there are 'USB Microphone"
    ):
        choose_device(DEVICES, "USB Mikrofon")
    with pytest.raises(AudioError, match="no input device '99'"):
        choose_device(DEVICES, "99")


def test_machine_without_microphone_says_what_to_do() -> None:
    with pytest.raises(AudioError, match="no microphone found"):
        choose_device([], None)


def test_device_is_opened_at_its_own_rate(portaudio) -> None:
    microphone = Microphone("built-in")
    microphone.start(lambda block: None)
    assert portaudio.stream.samplerate == 48_000
    assert portaudio.stream.channels == 2
    assert portaudio.stream.device == 1
    assert portaudio.stream.latency == 0.05
    microphone.close()
    microphone.close()
    assert microphone.ended


def test_stereo_at_48_khz_arrives_as_mono_at_16_khz(portaudio) -> None:
    capture = Capture(Microphone("built-in"))
    capture.start()
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    stereo = np.stack([tone, np.zeros_like(tone)], axis=1)
    for block in np.split(stereo, 100):
        portaudio.hear(block)
    wait_for(lambda: capture.ring.written > 15_000)
    capture.close()
    heard = capture.ring.read(2_000, 8_000)
    assert np.abs(np.fft.rfft(heard)).argmax() == 220
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.01)


def test_overflows_and_bad_samples_are_counted(portaudio) -> None:
    microphone = Microphone("USB Microphone 2")
    capture = Capture(microphone)
    capture.start()
    portaudio.hear(np.full((1_600, 1), np.nan, np.float32), overflow=True)
    portaudio.hear(np.full((1_600, 1), 0.5, np.float32))
    wait_for(lambda: capture.ring.written == 3_200)
    capture.close()
    assert (microphone.overflows, microphone.non_finite) == (1, 1_600)
    assert capture.ring.read(0, 3_200).tolist() == [0.0] * 1_600 + [0.5] * 1_600


def test_refused_device_names_itself_and_the_way_out(portaudio) -> None:
    portaudio.refuses = True
    with pytest.raises(AudioError, match=r"'USB Microphone' cannot be opened at 44100 Hz: Device"):
        Microphone().start(lambda block: None)


def test_missing_portaudio_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *rest: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(AudioError, match="apt install libportaudio2"):
        list_devices()
