import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_spoiled_files_are_read_or_refused_within_limits(tmp_path) -> None:
    command = [sys.executable, "-m", "tests.fuzzing", "--files", "150", "--seed", "7"]
    done = subprocess.run(
        [*command, "--keep", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert counted["ok"] + counted["in part"] + counted["refused"] == 150
    # Neither are all spoiled beyond use, nor none at all.
    assert min(counted["ok"], counted["refused"]) > 20
