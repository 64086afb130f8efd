import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.models.timebase import SAMPLE_RATE

pytestmark = pytest.mark.hardware

DEMO = Path(__file__).parents[3] / "assets" / "demo.flac"


def test_tone_arrives_in_pitch_and_without_overflow(virtual_microphone, tone, tmp_path) -> None:
    spoken = tmp_path / "tone.wav"
    soundfile.write(spoken, tone(1_000.0, seconds=30.0), SAMPLE_RATE)
    player = virtual_microphone.speak(spoken)
    listener = """
import json, time
import numpy as np
from earmark.realtime.audio.capture import Capture
from earmark.realtime.audio.microphone import Microphone
capture = Capture(Microphone("pulse"))
capture.start()
while capture.ring.written < 3 * 16_000:
    time.sleep(0.01)
samples = capture.ring.read(capture.ring.written - 16_000, 16_000)
capture.close()
spectrum = np.abs(np.fft.rfft(samples))
print(json.dumps([int(spectrum.argmax()), capture.source.overflows, float(samples.std())]))
"""
    heard = subprocess.run(
        [sys.executable, "-c", listener],
        env=virtual_microphone.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    player.terminate()
    player.wait(timeout=20)
    frequency, overflows, level = json.loads(heard.stdout)
    assert frequency == pytest.approx(1_000, abs=2)
    assert overflows == 0
    assert level == pytest.approx(0.35, rel=0.2)


def test_live_finds_the_tag_of_what_is_played(virtual_microphone, tmp_path) -> None:
    samples, rate = soundfile.read(DEMO)
    spoken = tmp_path / "rain.wav"
    rain = samples[13 * rate : 17 * rate]
    soundfile.write(spoken, np.concatenate([rain] * 5), rate)
    player = virtual_microphone.speak(spoken)
    command = ("live", "--input", "pulse", "--duration", "10", "--format", "jsonl")
    live = subprocess.run(
        [sys.executable, "-m", "earmark", *command],
        env=virtual_microphone.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    player.terminate()
    player.wait(timeout=10)
    assert live.returncode == 0, live.stderr
    records = [json.loads(line) for line in live.stdout.splitlines()]
    assert len(records) > 60
    best = Counter(tag for record in records for tag in list(record["tags"])[:3])
    assert {"Rain", "Water"} & {tag for tag, _ in best.most_common(3)}, best
    assert "Rain" in [tag for tag, _ in best.most_common(5)], best
    assert ", 0 skipped, 0 overflows" in live.stderr, live.stderr
    starts = [record["start"] for record in records]
    assert np.allclose(np.diff(starts), 0.1)
