"""How well tags are taught from a few clips: some are taught, all others are then heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.background import Background
from earmark.models.calibration import Calibration
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES, window_starts
from earmark.realtime.detection.events import TagTracker

from .fitting import Row
from .lesson import Expectation, Lesson, learn

#: As live, and for files: a tenth of a second.
HOP_SAMPLES: Final = SAMPLE_RATE // 10

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A clip that is taught or heard.

    Args:
        name: Of its class; empty for other sound.
        group: What it was cut from.
        unsure: Classes that may sound in it as well.
        n_samples: How long it is.
        lesson: Embeddings as a clip is taught, (windows, inputs).
        heard: Embeddings as it is heard, a tenth of a second apart, (windows, inputs).
    """

    name: str
    group: str
    unsure: frozenset[str]
    n_samples: int
    lesson: _Floats
    heard: _Floats


@dataclass(frozen=True)
class Found:
    """What one draw came to, as counts over its classes."""

    right: Mapping[str, float]
    taken_for_another: Mapping[str, float]
    alarms: Mapping[str, int]
    hours: float
    expected: Mapping[str, Expectation]


def measure(
    examples: Sequence[Example],
    background: Background,
    *,
    n_clips: int,
    alarms_per_hour: float,
    seed: int,
) -> Found:
    """Teach each class from a draw of its clips, and hear everything else.

    A clip is right if an event of its class is in it, and none of another class taught.

    Args:
        examples: Of classes, and of other sound.
        background: To teach against.
        n_clips: To teach each class from, each of another group.
        alarms_per_hour: Allowed to each class.
        seed: Of the draw.
    """
    names = sorted({example.name for example in examples} - {""})
    taught = {name: _drawn(examples, name, n_clips, seed) for name in names}
    rows, expected = [], {}
    for name in names:
        rivals = [clip.lesson for other in names if other != name for clip in taught[other]]
        clips = [clip.lesson for clip in taught[name]]
        row, expected[name] = learn(
            Lesson(clips, background.embeddings, rivals, alarms_per_hour, background.within)
        )
        rows.append(row)
    groups = {clip.group for clips in taught.values() for clip in clips}
    right: dict[str, list[bool]] = {name: [] for name in names}
    confused: dict[str, list[bool]] = {name: [] for name in names}
    alarms = dict.fromkeys(names, 0)
    seconds = 0.0
    for example in examples:
        if example.group in groups:
            continue
        events = events_of(example, rows, names)
        if example.name:
            others = set(events) - {example.name}
            right[example.name].append(example.name in events and not others)
            confused[example.name].append(bool(others))
            continue
        seconds += example.n_samples / SAMPLE_RATE
        for name in events:
            alarms[name] += name not in example.unsure
    return Found(
        right={name: float(np.mean(values)) for name, values in right.items()},
        taken_for_another={name: float(np.mean(values)) for name, values in confused.items()},
        alarms=alarms,
        hours=seconds / 3_600,
        expected=expected,
    )


def _drawn(examples: Sequence[Example], name: str, n_clips: int, seed: int) -> list[Example]:
    members = [example for example in examples if example.name == name]
    order = np.random.default_rng([seed, len(members)]).permutation(len(members))
    by_group: dict[str, Example] = {}
    for i in order:
        by_group.setdefault(members[i].group, members[i])
    if len(by_group) <= n_clips:
        raise UsageError(f"{name}: {len(by_group)} recordings, more than {n_clips} are needed")
    return list(by_group.values())[:n_clips]


def events_of(example: Example, rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Return the class of each event in a clip, as it would be heard live or in a file."""
    logits = np.stack([row.scores(example.heard) for row in rows], axis=1)
    neutral = Calibration.neutral(len(names))
    tracker = TagTracker(names, BRANCH_NAMES, neutral.thresholds, hop=HOP_SAMPLES / SAMPLE_RATE)
    # Which branch was surest is not asked here.
    by_branch = np.zeros((len(BRANCH_NAMES), len(names)), np.float32)
    found = []
    starts = window_starts(max(example.n_samples, WINDOW_SAMPLES), HOP_SAMPLES)
    for start, probabilities in zip(starts, neutral.combined(logits), strict=True):
        window = WindowResult(start, start + WINDOW_SAMPLES, probabilities, by_branch, 0.0)
        found += tracker.update(window)
    return [event.tag for event in (*found, *tracker.flush())]


def summary(found: Sequence[Found]) -> dict[str, dict[str, float]]:
    """Return the figures of each class, and of all under ``all``, as means over the draws."""

    def figures(name: str) -> dict[str, float]:
        return {
            "right": float(np.mean([draw.right[name] for draw in found])),
            "another": float(np.mean([draw.taken_for_another[name] for draw in found])),
            "alarms_per_hour": float(np.mean([draw.alarms[name] / draw.hours for draw in found])),
            "expected_recall": float(np.mean([draw.expected[name].recall for draw in found])),
            "expected_alarms_per_hour": float(
                np.mean([draw.expected[name].alarms_per_hour for draw in found])
            ),
        }

    table = {name: figures(name) for name in found[0].right}
    every = {key: float(np.mean([row[key] for row in table.values()])) for key in next(
        iter(table.values())
    )}  # fmt: skip
    for key in ("alarms_per_hour", "expected_alarms_per_hour"):
        every[key] *= len(table)
    return {**table, "all": {**every, "hours": float(np.mean([draw.hours for draw in found]))}}
