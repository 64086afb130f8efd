import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_kills_at_random_moments_lose_tear_and_double_nothing() -> None:
    command = [sys.executable, "-m", "tests.drills.kill", "--times", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    kinds = ("kills_live", "kills_recording", "kills_resume")
    assert [counted[kind] for kind in kinds] == [2, 2, 2]
    assert counted["events_reported"] > 0
    assert counted["most_lost_s"] <= 1.0
