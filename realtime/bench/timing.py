"""Durations of many runs, taken in turns so that the machine's noise hits everything alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

#: Something that is measured: one call, one run.
Step = Callable[[], object]

# Runs of one subject before the next has its turn: enough to be warm, few enough to alternate.
_RUNS_A_TURN = 10


@dataclass(frozen=True)
class Timing:
    """Durations of one subject.

    Args:
        turns: Seconds of each run, turn by turn.
    """

    turns: list[list[float]] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """All runs."""
        return [run for turn in self.turns for run in turn]

    def as_table(self) -> dict[str, float]:
        """Return median, 95th percentile and worst in milliseconds, and how many runs there were.

        Raises:
            ValueError: If nothing ran.
        """
        if not self.seconds:
            raise ValueError("nothing was measured")
        milliseconds = np.array(self.seconds) * 1e3
        return {
            "median": round(float(np.median(milliseconds)), 4),
            "p95": round(float(np.percentile(milliseconds, 95)), 4),
            "max": round(float(milliseconds.max()), 4),
            "runs": len(milliseconds),
        }

    def ratio_to(self, other: "Timing") -> float:
        """Return the median over the turns of this median to the other's.

        Both were measured within the same moments, so what slowed the one slowed the other.
        """
        pairs = zip(self.turns, other.turns, strict=True)
        return float(np.median([np.median(own) / np.median(theirs) for own, theirs in pairs]))


def measure(
    subjects: Mapping[str, Step], *, runs: int, rest_seconds: float = 0.0
) -> dict[str, Timing]:
    """Run all subjects in turns.

    Args:
        subjects: By name; each is called twice before anything counts.
        runs: Of each, at least 1.
        rest_seconds: For which nothing is done before each run, as between the windows of a live
            session: what a processor had at hand, others may have displaced meanwhile.

    Raises:
        ValueError: If there is to be no run.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    for step in subjects.values():
        step()
        step()
    timings = {name: Timing() for name in subjects}
    for count in _turns(runs):
        for name, step in subjects.items():
            turn = []
            for _ in range(count):
                if rest_seconds:
                    time.sleep(rest_seconds)
                began = time.perf_counter()
                step()
                turn.append(time.perf_counter() - began)
            timings[name].turns.append(turn)
    return timings


def _turns(runs: int) -> Sequence[int]:
    whole, rest = divmod(runs, _RUNS_A_TURN)
    return [_RUNS_A_TURN] * whole + ([rest] if rest else [])
