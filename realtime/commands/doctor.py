"""``earmark doctor``: what of the machine works, and how to mend the rest."""

import argparse
from collections.abc import Callable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark doctor``: there are none."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Check each part; 1 where one that tagging needs does not work."""
    from rich.console import Console
    from rich.markup import escape

    from earmark.models.errors import EarmarkError
    from earmark.models.shown import shown

    del args
    console = Console(highlight=False, soft_wrap=True)
    failed = False
    for name, is_needed, check in CHECKS:
        try:
            console.print(f"[green]ok[/green]       {name}: {escape(shown(check()))}")
        except EarmarkError as error:
            word = "[red]broken[/red] " if is_needed else "[yellow]missing[/yellow]"
            console.print(f"{word}  {name}: {escape(shown(str(error)))}")
            failed = failed or is_needed
    return 1 if failed else 0


def check_python() -> str:
    """Return the versions of Python and torch."""
    import platform

    import torch
    import torchaudio

    versions = f"torch {torch.__version__}, torchaudio {torchaudio.__version__}"
    return f"Python {platform.python_version()}, {versions}"


def check_bundle() -> str:
    """Load the shipped bundle and time a window."""
    from earmark.models.bundle.load import load_bundle
    from earmark.models.streaming.engine import InferenceEngine
    from earmark.realtime.live.health import Health

    engine = InferenceEngine(load_bundle(device="cpu"))
    engine.warm_up(1_600)
    health = Health(0.1)
    import numpy as np

    for i in range(20):
        health.add(engine.process(np.zeros(16_000, np.float32), i * 1_600))
    median, p95 = health.inference_ms()
    name = engine.bundle.metadata.name
    return f"{name}, a live window takes {median:.1f} ms (p95 {p95:.1f}) on the processor"


def check_gpu() -> str:
    """Return the GPU that would be used.

    Raises:
        EarmarkError: If there is none.
    """
    import torch

    from earmark.models.errors import EarmarkError

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return "Apple GPU (mps)"
    raise EarmarkError("none that torch can use; the processor is fast enough for live tagging")


def check_audio() -> str:
    """Return the default input device.

    Raises:
        EarmarkError: If PortAudio or a device is missing.
    """
    from earmark.realtime.audio.devices import choose_device, list_devices

    devices = list_devices()
    device = choose_device(devices, None)
    return f"{device.name} at {device.default_sample_rate:.0f} Hz ({len(devices)} input devices)"


def check_display() -> str:
    """Return what the app would be drawn on.

    Raises:
        EarmarkError: If there is no display, or Qt cannot draw on it.
    """
    from earmark.realtime.gui import display

    return display.check_display()


def check_files() -> str:
    """Return what audio files can be read with."""
    import av
    import soundfile

    formats = len(soundfile.available_formats())
    return (
        f"libsndfile {soundfile.__libsndfile_version__} ({formats} formats), PyAV {av.__version__}"
    )


#: Name, whether tagging files needs it, and the check itself.
CHECKS: tuple[tuple[str, bool, Callable[[], str]], ...] = (
    ("packages", True, check_python),
    ("audio files", True, check_files),
    ("bundle", True, check_bundle),
    ("microphone", False, check_audio),
    ("display", False, check_display),
    ("GPU", False, check_gpu),
)
