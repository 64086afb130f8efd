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

from earmark.models.bundle import load_bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import EarmarkError
from earmark.realtime.decoding import SoundReader
from earmark.realtime.engine import InferenceEngine
from earmark.realtime.events import EventSettings
from earmark.realtime.recording import Recording, RecordingOptions
from earmark.realtime.records import TagChoice

HOP_SAMPLES = 1_600

#: Beyond what the process has when it begins.
MOST_MEMORY = 512 * 2**20


class CountingEngine:
    """Takes windows and tags nothing: what is tried is how they come to be."""

    def __init__(self) -> None:
        self.windows = 0

    def reset(self) -> None:
        pass

    def process_span(self, samples: np.ndarray, first: int, starts: list[int]) -> list[object]:
        assert np.isfinite(samples).all(), "windows must be finite"
        self.windows += len(starts)
        return []


def read(path: Path, engine: InferenceEngine | None) -> dict[str, object]:
    """Read a file to its end and return how that went."""
    counting = CountingEngine()
    tags = () if engine is None else engine.bundle.metadata.vocabulary.names
    options = RecordingOptions(
        kind="windows",
        choice=TagChoice(tags, BRANCH_NAMES),
        thresholds=np.full(len(tags), 0.5, np.float32),
        settings=EventSettings(),
        hop_samples=HOP_SAMPLES,
    )
    try:
        recording = Recording(path.name, SoundReader(path))
        for record in recording.records(engine or counting, options):  # type: ignore[arg-type]
            assert all(0 <= p <= 1 for p in record["tags"].values()), record  # type: ignore[attr-defined]
    except EarmarkError as error:
        return _told(str(error), "refused", 0.0)
    except MemoryError:
        return {"outcome": "memory", "why": traceback.format_exc()}
    except Exception:
        return {"outcome": "crash", "why": traceback.format_exc()}
    if recording.problems:
        return _told("\n".join(recording.problems), "in part", recording.duration)
    return {"outcome": "ok", "why": "", "seconds": recording.duration}


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
    engine = InferenceEngine(load_bundle(device="cpu"))
    engine.process(np.zeros(16_000, np.float32), 0)
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + 2 * MOST_MEMORY,) * 2)
    began = resident()
    answers.write("{}\n")
    for line in sys.stdin:
        asked = json.loads(line)
        found = read(Path(asked["path"]), engine if asked["tag"] else None)
        if resident() - began > MOST_MEMORY:
            found["outcome"] = "memory"
        answers.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
