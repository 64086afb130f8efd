"""A virtual microphone: PulseAudio's null sink, heard through its monitor."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("pulseaudio", "paplay", "pactl")


def missing_program() -> str | None:
    """Return a program that it needs and that is not installed."""
    return next((program for program in PROGRAMS if shutil.which(program) is None), None)


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

    @classmethod
    def in_folder(cls, folder: Path) -> "VirtualMicrophone":
        """Return one that keeps all it has in a folder; it is not plugged in yet."""
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PULSE")},
            "XDG_RUNTIME_DIR": str(runtime),
            "HOME": str(folder),
        }
        (folder / ".asoundrc").write_text("pcm.pulse { type pulse }\nctl.pulse { type pulse }\n")
        return cls(environment, "pulse")

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


def _wait_for(environment: dict[str, str], server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and server.poll() is None:
        asked = subprocess.run(
            ["pactl", "info"], env=environment, capture_output=True, timeout=15, check=False
        )
        if asked.returncode == 0:
            return
        time.sleep(0.1)  # a server that starts says nothing that could be waited for
    raise RuntimeError("PulseAudio did not start")
