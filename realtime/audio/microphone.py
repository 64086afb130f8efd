"""Microphones, through PortAudio.

Two activities: PortAudio's thread copies each block into a ring at the device's own rate, and
leaves; a pump thread takes it from there, resamples it and hands it on.
"""

import threading

import numpy as np
from numpy.typing import NDArray

from earmark.models.audio.resampling import StreamResampler, mixed_down
from earmark.models.errors import AudioError

from .devices import (
    Flags,
    Stream,
    choose_device,
    list_devices,
    note_closed,
    note_open,
    portaudio,
)
from .ring_buffer import RingBuffer
from .source import Write

# The pump looks this often: well below a block, and nothing for a processor.
_PUMP_SECONDS = 0.005

# Long enough for the pump to be held up, short enough to be nothing.
_RING_SECONDS = 4

# Two channels are a stereo microphone; more are mostly other inputs of a mixer.
_MAX_CHANNELS = 2


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
        self._stream: Stream | None = None
        self._pump: threading.Thread | None = None

    def start(self, write: Write) -> None:
        """Open the device at its own rate and begin to capture.

        Raises:
            AudioError: If the device refuses.
        """
        sd = portaudio()
        rate = self._device.default_sample_rate
        channels = min(self._device.max_input_channels, _MAX_CHANNELS)
        rings = [RingBuffer(round(_RING_SECONDS * rate)) for _ in range(channels)]

        def capture(
            indata: NDArray[np.float32],
            frames: int,
            time: object,
            status: Flags,
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
            note_open(self)
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
            note_closed(self)
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
