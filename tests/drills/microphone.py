"""``earmark live`` on a virtual microphone, in real time, for as long as is asked.

    python tests/drills/microphone.py --minutes 20

The demo clip is spoken into the microphone over and over. Each window has to come, a hop after the
one before; nothing may be skipped or overflow; the process may not grow. Exit status 1 if a promise
is broken.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import soundfile
from virtual_microphone import VirtualMicrophone, missing_program

DEMO = Path(__file__).parents[2] / "assets" / "demo.flac"
HOP = 0.1  # s
MOST_GROWTH_MB = 10.0

# Models are loaded, buffers filled, caches warm after so long (s).
SETTLED = 120.0
BETWEEN_LOOKS = 5.0


def listen(microphone: VirtualMicrophone, minutes: float, folder: Path) -> dict[str, object]:
    """Run so many minutes and return what was counted."""
    seconds = 60 * minutes
    player = microphone.speak(_spoken(seconds + 30, folder))
    command = ("live", "--input", microphone.device, "--duration", str(seconds))
    sinks = ("--format", "jsonl", "--history", str(folder / "history.db"))
    with (folder / "windows.jsonl").open("w") as output, (folder / "told.txt").open("w") as told:
        live = subprocess.Popen(
            [sys.executable, "-m", "earmark", *command, *sinks],
            env=microphone.environment,
            stdout=output,
            stderr=told,
        )
        memory = _watch(live, seconds)
    player.terminate()
    player.wait(timeout=20)
    records = [json.loads(line) for line in (folder / "windows.jsonl").read_text().splitlines()]
    starts = np.array([record["start"] for record in records if "tags" in record])
    settled = [mb for at, mb in memory if at >= min(SETTLED, seconds / 2)]
    return {
        "minutes": minutes,
        "status": live.returncode,
        "windows": len(starts),
        "windows_wanted": round((seconds - 1.0) / HOP),
        "steps_other_than_a_hop": int((np.abs(np.diff(starts) - HOP) > 1e-3).sum()),
        "memory_mb": round(settled[-1], 1),
        "growth_mb": round(max(settled) - settled[0], 2),
        "told": (folder / "told.txt").read_text().splitlines()[-1],
    }


def _spoken(seconds: float, folder: Path) -> Path:
    samples, rate = soundfile.read(DEMO, dtype="int16")
    path = folder / "spoken.wav"
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as spoken:
        for _ in range(int(seconds * rate / len(samples)) + 1):
            spoken.write(samples)
    return path


def _watch(process: "subprocess.Popen[bytes]", seconds: float) -> list[tuple[float, float]]:
    """Return (s, MB) of a process until it ends, which it has to in time."""
    looked: list[tuple[float, float]] = []
    pause = threading.Event()
    while process.poll() is None and BETWEEN_LOOKS * len(looked) < seconds + 60:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        looked.append((BETWEEN_LOOKS * len(looked), pages * 4096 / 1e6))
        if len(looked) % 12 == 0:
            print(f"{len(looked) // 12} minutes", file=sys.stderr)
        pause.wait(BETWEEN_LOOKS)
    if process.poll() is None:
        process.kill()
    process.wait(timeout=20)
    return [(at, mb) for at, mb in looked if mb]


def broken(counted: dict[str, object]) -> list[str]:
    """Return the promises that what was counted breaks."""
    found = []
    if counted["status"] != 0:
        found.append(f"exit status {counted['status']}: {counted['told']}")
    # The stream starts a moment after the clock of the duration does.
    missing = int(str(counted["windows_wanted"])) - int(str(counted["windows"]))
    if missing > 1.0 / HOP:
        found.append(f"{missing} windows are missing")
    if counted["steps_other_than_a_hop"]:
        found.append(f"{counted['steps_other_than_a_hop']} windows are not a hop apart")
    if ", 0 skipped, 0 overflows" not in str(counted["told"]):
        found.append(f"something was lost: {counted['told']}")
    if float(str(counted["growth_mb"])) >= MOST_GROWTH_MB:
        found.append(f"memory grew by {counted['growth_mb']} MB")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="to listen")
    args = parser.parse_args()
    if program := missing_program():
        print(f"{program} is not installed; on Debian `.ci/system-libraries test` installs it")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        microphone = VirtualMicrophone.in_folder(Path(folder))
        try:
            microphone.plug_in()
            counted = listen(microphone, args.minutes, Path(folder))
        finally:
            microphone.pull_out()
    print(json.dumps(counted))
    for promise in broken(counted):
        print(f"broken: {promise}", file=sys.stderr)
    return 1 if broken(counted) else 0


if __name__ == "__main__":
    sys.exit(main())
