"""What a command does not wait for."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from earmark.models.bundle.metadata import shipped_bundle

DEMO = Path(str(files("earmark") / "assets" / "demo.flac"))

APP = """
import sys
import earmark.realtime.gui.app
print(*sorted({"torch", "torchaudio", "librosa", "scipy"} & set(sys.modules)))
"""

TELLS = """
import sys
from earmark.__main__ import main
status = main(sys.argv[1:])
heavy = {"torch", "torchaudio", "librosa", "scipy", "PyQt6"} & set(sys.modules)
print(*sorted(heavy), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("info",),
        ("tags", str(shipped_bundle())),
        ("file", str(DEMO), "--hop", "1", "--device", "cpu"),
        ("live", str(DEMO), "--duration", "1.5", "--device", "cpu"),
    ],
    ids=lambda words: words[0],
)
def test_tagging_on_the_processor_needs_no_torch(words) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELLS, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert done.stderr.splitlines()[-1].strip() == ""


def test_window_of_the_app_opens_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", APP], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
