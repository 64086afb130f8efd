"""A virtual microphone: PulseAudio's null sink, heard through its monitor."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.broadcast.sink import LiveStream, Status
from earmark.realtime.broadcast.stream_clock import StreamClock
from earmark.realtime.liveness import Liveness
from earmark.realtime.ring_buffer import RingBuffer


@dataclass
class VirtualMicrophone:
    """A running sound server whose default input is what is played into it.

    Args:
        environment: In which programs find it.
        device: Name that PortAudio lists it under.
        server: That runs now.
    """

    environment: dict[str, str]
    device: str
    server: "subprocess.Popen[bytes] | None" = None

    def plug_in(self) -> None:
        """Start the sound server."""
        modules = ("module-native-protocol-unix", "module-null-sink sink_name=mic")
        options = ("-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no")
        self.server = subprocess.Popen(
            ["pulseaudio", *options, *(word for module in modules for word in ("-L", module))],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for(self.environment, self.server)
        default = ["pactl", "set-default-source", "mic.monitor"]
        subprocess.run(default, env=self.environment, check=True)

    def pull_out(self) -> None:
        """End the sound server, without a word to its clients."""
        if self.server is not None:
            self.server.kill()
            self.server.wait(timeout=10)
            self.server = None

    def speak(self, path: Path) -> "subprocess.Popen[bytes]":
        """Begin to play a file into the microphone."""
        return subprocess.Popen(["paplay", "-d", "mic", str(path)], env=self.environment)


@pytest.fixture
def virtual_microphone(tmp_path: Path) -> Iterator[VirtualMicrophone]:
    """A sound server of the test's own, ended with it."""
    for program in ("pulseaudio", "paplay", "pactl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: `make test` installs it on Debian")
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PULSE")},
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(tmp_path),
    }
    (tmp_path / ".asoundrc").write_text("pcm.pulse { type pulse }\nctl.pulse { type pulse }\n")
    microphone = VirtualMicrophone(environment, "pulse")
    try:
        microphone.plug_in()
        yield microphone
    finally:
        microphone.pull_out()


def _wait_for(environment: dict[str, str], server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and server.poll() is None:
        asked = subprocess.run(
            ["pactl", "info"], env=environment, capture_output=True, timeout=15, check=False
        )
        if asked.returncode == 0:
            return
        time.sleep(0.1)  # a server that starts says nothing that could be waited for
    pytest.fail("PulseAudio did not start")


@pytest.fixture
def make_stream() -> Callable[..., LiveStream]:
    """Make a stream to tell sinks of: ``make_stream(("Dog", "Rain"))``.

    Its first second was captured at 1_800_000_000 s of the wall clock, ten seconds are there.
    """

    def make(tags: tuple[str, ...], **changes: object) -> LiveStream:
        sound = RingBuffer(60 * SAMPLE_RATE)
        sound.write(np.zeros(10 * SAMPLE_RATE, np.float32))
        clock = StreamClock(
            lambda sample: sample / SAMPLE_RATE,
            lambda: sound.written,
            monotonic=lambda: sound.written / SAMPLE_RATE,
            wall=lambda: 1_800_000_000 + sound.written / SAMPLE_RATE,
        )
        status = Status(10.0, Liveness.LISTENING, "", 90, 0, 0, (40.0, 50.0), (4.0, 5.0), {})
        thresholds = np.full(len(tags), 0.5, np.float32)
        stream = LiveStream(
            source="desk",
            bundle="tiny",
            tags=tags,
            branches=("pitch", "timbre", "waveform", "neuralogram"),
            thresholds=thresholds,
            hop=0.1,
            clock=clock,
            sound=sound,
            status=lambda: status,
        )
        return replace(stream, **changes)

    return make


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition that threads bring about: ``wait_for(lambda: ...)``."""

    def wait(condition: Callable[[], object]) -> None:
        for _ in range(1_000):
            if condition():
                return
            threading.Event().wait(0.005)
        pytest.fail("nothing came within 5 s")

    return wait
