import json
import subprocess
import sys
from pathlib import Path


def test_minutes_at_accelerated_speed_lose_and_repeat_nothing() -> None:
    drill = Path(__file__).with_name("soak.py")
    done = subprocess.run(
        [sys.executable, drill, "--hours", "0.05"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert counted["windows"] == 1_791
    assert counted["events"] == 9
