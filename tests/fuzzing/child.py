"""Reads one file after another as ``earmark file`` does, in a process that may die of it."""

import json
import os
import resource
import sys
import traceback
import warnings
from pathlib import Path

import av  # noqa: F401 - taken in before memory is measured
import numpy as np

from earmark.models.audio.decoding import SoundReader
from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.streaming.engine import InferenceEngine
from earmark.realtime.detection.events import EventSettings
from earmark.realtime.files.pipeline import tag_recordings
from earmark.realtime.files.record_maker import RecordOptions
from earmark.realtime.files.recording import Recording
from earmark.realtime.files.records import TagChoice

HOP_SAMPLES = 1_600

#: Beyond what the process has when it begins.
MOST_MEMORY = 512 * 2**20


def read(path: Path, bundle: Bundle | None) -> dict[str, object]:
    """Read a file to its end, tag it where there is a bundle, and return how that went."""
    recording = Recording(path.name, lambda: SoundReader(path))
    try:
        if bundle is None:
            for stretch in recording.stretches(HOP_SAMPLES):
                assert np.isfinite(stretch.samples).all(), "windows must be finite"
        else:
            _tag(recording, bundle)
    except MemoryError:
        return {"outcome": "memory", "why": traceback.format_exc()}
    except Exception:
        return {"outcome": "crash", "why": traceback.format_exc()}
    if recording.problems:
        outcome = "in part" if recording.samples else "refused"
        return _told("\n".join(recording.problems), outcome, recording.duration)
    return {"outcome": "ok", "why": "", "seconds": recording.duration}


def _tag(recording: Recording, bundle: Bundle) -> None:
    tags = bundle.metadata.vocabulary.names
    options = RecordOptions(
        kind="windows",
        choice=TagChoice(tags, BRANCH_NAMES),
        thresholds=np.full(len(tags), 0.5, np.float32),
        settings=EventSettings(),
        hop_samples=HOP_SAMPLES,
    )
    for tagged in tag_recordings([recording], bundle, options, readers=1, workers=1):
        for record in tagged.records:
            assert all(0 <= p <= 1 for p in record["tags"].values()), record  # type: ignore[attr-defined]


def _told(message: str, outcome: str, seconds: float) -> dict[str, object]:
    lines = message.splitlines()
    if not lines or len(lines) > 2 or not all(line.isprintable() for line in lines):
        return {"outcome": "crash", "why": f"not told in a line: {message!r}"}
    return {"outcome": outcome, "why": lines[0], "seconds": seconds}


def resident() -> int:
    """Return the bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries say is no answer
    warnings.simplefilter("error")
    bundle = load_bundle(device="cpu", threads=1)
    InferenceEngine(bundle).process(np.zeros(16_000, np.float32), 0)
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + 2 * MOST_MEMORY,) * 2)
    began = resident()
    answers.write("{}\n")
    for line in sys.stdin:
        asked = json.loads(line)
        found = read(Path(asked["path"]), bundle if asked["tag"] else None)
        if resident() - began > MOST_MEMORY:
            found["outcome"] = "memory"
        answers.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
