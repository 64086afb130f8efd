"""Sound devices. The only file that knows sounddevice, and through it PortAudio."""

import difflib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import AudioError

# PortAudio is one for the whole process, and so is what is open of it.
_in_use = threading.Lock()
_open_streams: set[int] = set()


class Stream(Protocol):
    """What is used of PortAudio's streams."""

    active: bool

    def start(self) -> None:
        """Begin to call back."""

    def close(self) -> None:
        """Release the device."""


class Flags(Protocol):
    """What PortAudio tells with a block."""

    input_overflow: bool


def portaudio() -> ModuleType:
    """Return the module sounddevice.

    Raises:
        AudioError: If PortAudio is not installed.
    """
    try:
        import sounddevice
    except OSError as error:
        raise AudioError(
            "PortAudio is not installed, so no microphone can be used: on Debian and Ubuntu "
            "`apt install libportaudio2`, elsewhere `pip install --force-reinstall sounddevice`"
        ) from error
    return cast("ModuleType", sounddevice)


@dataclass(frozen=True)
class InputDevice:
    """A device that sound can be captured from."""

    index: int
    name: str
    host_api: str
    max_input_channels: int
    default_sample_rate: float
    is_default: bool


def list_devices() -> list[InputDevice]:
    """Return the input devices that PortAudio sees.

    Raises:
        AudioError: If PortAudio is not installed.
    """
    sd = portaudio()
    default = sd.default.device[0]
    apis = sd.query_hostapis()
    return [
        InputDevice(
            index=int(device["index"]),
            name=str(device["name"]),
            host_api=str(apis[device["hostapi"]]["name"]),
            max_input_channels=int(device["max_input_channels"]),
            default_sample_rate=float(device["default_samplerate"]),
            is_default=int(device["index"]) == default,
        )
        for device in sd.query_devices()
        if device["max_input_channels"] > 0
    ]


def choose_device(devices: list[InputDevice], asked: str | None) -> InputDevice:
    """Return the device with a name, a part of a name or an index; by default the system's own.

    Raises:
        AudioError: If there is none such, or several.
    """
    if not devices:
        raise AudioError(
            "no microphone found: plug one in, or check that this user may use audio devices; "
            "`earmark doctor` tells more"
        )
    if asked is None:
        return next((device for device in devices if device.is_default), devices[0])
    if asked.isdecimal():
        matching = [device for device in devices if device.index == int(asked)]
    else:
        matching = [device for device in devices if device.name.lower() == asked.lower()]
        matching = matching or [d for d in devices if asked.lower() in d.name.lower()]
    if not matching:
        names = [device.name for device in devices]
        near = difflib.get_close_matches(asked, names, n=3, cutoff=0.3) or names[:5]
        raise AudioError(
            f"no input device {asked!r}; there are {', '.join(map(repr, near))} "
            "(`earmark devices` lists all)"
        )
    return matching[0]


def list_outputs() -> list[str]:
    """Return the names of the devices that sound can be played on.

    Raises:
        AudioError: If PortAudio is not installed.
    """
    devices = portaudio().query_devices()
    return [str(device["name"]) for device in devices if device["max_output_channels"] > 0]


class PortAudioOutput:
    """An output device that is being played on.

    Args:
        name: Of the device; None is the system's default.

    Raises:
        AudioError: If it cannot be opened.
    """

    def __init__(self, name: str | None) -> None:
        sd = portaudio()
        self._error: type[Exception] = sd.PortAudioError
        try:
            # sounddevice says of a missing default or an unknown name that it is a ValueError.
            info = sd.query_devices(name, "output")
            self.rate = float(info["default_samplerate"])
            self._stream = sd.OutputStream(
                samplerate=self.rate, device=name, channels=1, dtype="float32", latency=0.1
            )
            self._stream.start()
            note_open(self)
        except (sd.PortAudioError, ValueError) as error:
            wanted = "there is no output device" if name is None else f"{name!r} cannot be opened"
            raise AudioError(
                f"no sound can be played: {wanted} ({error}); plug one in, or choose another in "
                "the settings"
            ) from error
        self.latency = float(self._stream.latency)

    def write(self, samples: NDArray[np.float32]) -> None:
        """Play (samples,) at its rate; returns when there is room for more.

        Raises:
            AudioError: If the device is gone.
        """
        try:
            self._stream.write(np.ascontiguousarray(samples[:, None]))
        except self._error as error:
            raise AudioError(f"the output device was lost: {error}") from error

    def close(self) -> None:
        """Let the device go, at once."""
        self._stream.abort()
        self._stream.close()
        note_closed(self)


def open_output(name: str | None) -> PortAudioOutput:
    """Open an output device, None being the system's default.

    Raises:
        AudioError: If it cannot be opened.
    """
    return PortAudioOutput(name)


def note_open(stream: object) -> None:
    """Keep PortAudio as it is for as long as this is open."""
    with _in_use:
        _open_streams.add(id(stream))


def note_closed(stream: object) -> None:
    """Take back ``note_open``."""
    with _in_use:
        _open_streams.discard(id(stream))


def list_devices_anew() -> list[str]:
    """Return the names of the input devices that are there now, whatever this process has open.

    PortAudio lists what was there when it was initialized, so another process is asked.

    Raises:
        AudioError: If there is none, or PortAudio is not installed.
    """
    command = [sys.executable, "-m", "earmark", "devices", "--json"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if asked.returncode:
        last = asked.stderr.strip().splitlines()[-1:] or ["the devices cannot be listed"]
        raise AudioError(last[0].removeprefix("earmark: "))
    return [str(device["name"]) for device in json.loads(asked.stdout)]


def rescan() -> None:
    """Look for devices anew: PortAudio lists only those that were there when it was initialized.

    While a stream is open nothing is done: it would be closed with the old list.

    Raises:
        AudioError: If PortAudio is not installed, or cannot be initialized again.
    """
    sd = portaudio()
    with _in_use:
        if not _open_streams:
            _initialize_again(sd)


def _initialize_again(sd: ModuleType) -> None:
    try:
        # sounddevice offers no other way, and its own documentation names these two.
        sd._terminate()
        sd._initialize()
    except sd.PortAudioError as error:
        raise AudioError(f"the sound system cannot be asked for its devices: {error}") from error
