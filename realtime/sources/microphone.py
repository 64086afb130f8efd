"""Microphones, through PortAudio. The only file that knows sounddevice.

Two activities: PortAudio's thread copies each block into a ring at the device's own rate, and
leaves; a pump thread takes it from there, resamples it and hands it on.
"""

import difflib
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.realtime.resampling import StreamResampler, mixed_down
from earmark.realtime.ring_buffer import RingBuffer

from .protocol import Write

if TYPE_CHECKING:
    import sounddevice

# The pump looks this often: well below a block, and nothing for a processor.
_PUMP_SECONDS = 0.005

# Long enough for the pump to be held up, short enough to be nothing.
_RING_SECONDS = 4

# Two channels are a stereo microphone; more are mostly other inputs of a mixer.
_MAX_CHANNELS = 2


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
    sd = _portaudio()
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


class Microphone:
    """An input device as a source.

    Args:
        device: Name, part of a name, or index; None is the system's default.
        latency: Of the capture, in seconds: less is sooner, and more apt to overflow.

    Raises:
        AudioError: If PortAudio or the device is missing.
    """

    def __init__(self, device: str | None = None, *, latency: float = 0.05) -> None:
        self._device = choose_device(list_devices(), device)
        self._latency = latency
        self.name = self._device.name
        self.ended = False
        self.failure: Exception | None = None
        self.overflows = 0
        self.non_finite = 0
        self._stop = threading.Event()
        self._stream: sounddevice.InputStream | None = None
        self._pump: threading.Thread | None = None

    def start(self, write: Write) -> None:
        """Open the device at its own rate and begin to capture.

        Raises:
            AudioError: If the device refuses.
        """
        sd = _portaudio()
        rate = self._device.default_sample_rate
        channels = min(self._device.max_input_channels, _MAX_CHANNELS)
        rings = [RingBuffer(round(_RING_SECONDS * rate)) for _ in range(channels)]

        def capture(
            indata: NDArray[np.float32],
            frames: int,
            time: object,
            status: "sounddevice.CallbackFlags",
        ) -> None:
            # PortAudio's thread: copy and leave. Nothing here waits, logs or can fail.
            for channel, ring in enumerate(rings):
                ring.write(indata[:, channel])
            self.overflows += status.input_overflow

        try:
            self._stream = sd.InputStream(
                samplerate=rate,
                device=self._device.index,
                channels=channels,
                dtype="float32",
                latency=self._latency,
                callback=capture,
            )
            self._stream.start()
        except sd.PortAudioError as error:
            raise AudioError(
                f"the input device {self.name!r} cannot be opened at {rate:.0f} Hz: {error}; close "
                "other programs that use it, or choose another (`earmark devices`)"
            ) from error
        self._pump = threading.Thread(
            target=self._hand_on, args=(rings, rate, write), name="earmark microphone", daemon=True
        )
        self._pump.start()

    def close(self) -> None:
        """Stop capturing and release the device."""
        self._stop.set()
        if self._pump is not None:
            self._pump.join(timeout=2)
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self.ended = True

    def _hand_on(self, rings: list[RingBuffer], rate: float, write: Write) -> None:
        resampler = StreamResampler(rate)
        taken = 0
        while not self._stop.wait(_PUMP_SECONDS):
            # The last channel is written last: what it has, the others have too.
            written = rings[-1].written
            if written - taken > rings[-1].capacity:
                # Held up for seconds: those samples are gone, and silence keeps the time right.
                lost = written - taken - rings[-1].capacity // 2
                self.overflows += 1
                write(resampler.push(np.zeros(lost, np.float32)))
                taken += lost
            if written == taken:
                continue
            channels = [ring.read(taken, written - taken) for ring in rings]
            whole = [samples for samples in channels if samples is not None]
            if len(whole) < len(rings):
                continue
            taken = written
            mono, bad = mixed_down(np.stack(whole, axis=1))
            self.non_finite += bad
            if len(converted := resampler.push(mono)):
                write(converted)


def _portaudio() -> ModuleType:
    try:
        import sounddevice
    except OSError as error:
        raise AudioError(
            "PortAudio is not installed, so no microphone can be used: on Debian and Ubuntu "
            "`apt install libportaudio2`, elsewhere `pip install --force-reinstall sounddevice`"
        ) from error
    return cast("ModuleType", sounddevice)
