"""``python -m earmark.realtime.commands.measure_teaching``: how well a bundle can be taught.

Reads a CSV with the columns ``path``, ``class`` (empty: other sound), ``group`` (clips of one group
are cut from one recording) and ``unsure`` (classes, separated by ``;``, that may sound in it). In
each draw some clips of every class are taught; all clips of other groups are then heard.
"""

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from earmark.models.bundle.background import read_background
from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.errors import UsageError, exit_status
from earmark.realtime.teaching.clips import ClipSpan
from earmark.realtime.teaching.embedder import Embedder
from earmark.realtime.teaching.measure import HOP_SAMPLES, Example, measure, summary
from earmark.realtime.teaching.teacher import Teacher


def run(args: argparse.Namespace) -> int:
    """Measure and print a table."""
    bundle = load_bundle(args.bundle, device="auto")
    background = read_background(args.bundle, bundle.metadata)
    if background is None:
        raise UsageError(f"{args.bundle} brings no background to teach against")
    examples = _listen(args.clips, bundle)
    table = {}
    for alarms in args.alarms:
        found = [
            measure(examples, background, n_clips=args.taught, alarms_per_hour=alarms, seed=seed)
            for seed in range(args.draws)
        ]
        table[f"{alarms:g}"] = summary(found)
        print(_as_text(alarms, table[f"{alarms:g}"]))
    if args.json is not None:
        args.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


def _listen(path: Path, bundle: Bundle) -> list[Example]:
    """Read the CSV and embed all of its clips."""
    teacher, embedder = Teacher(bundle, None), Embedder(bundle)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"path", "class", "group", "unsure"} <= set(rows[0]):
        raise UsageError(f"{path} must have rows with the columns path, class, group and unsure")
    examples = []
    for i, row in enumerate(rows):
        sound = ClipSpan(Path(row["path"])).read_any_length()
        examples.append(
            Example(
                name=row["class"],
                group=row["group"],
                unsure=frozenset(filter(None, row["unsure"].split(";"))),
                n_samples=len(sound),
                lesson=teacher.listen(sound) if row["class"] else np.empty((0, 0), np.float32),
                heard=embedder.embed(sound, HOP_SAMPLES),
            )
        )
        if i % 100 == 0:
            print(f"earmark: clip {i} of {len(rows)}", file=sys.stderr)
    return examples


def _as_text(alarms: float, table: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"\n{alarms:g} false alarms an hour allowed to each class (`all`: their sum)"]
    lines.append(f"{'class':32} right  another  alarms/h | expected: recall  alarms/h")
    for name, row in table.items():
        lines.append(
            f"{name:32} {row['right']:5.1%} {row['another']:8.1%} {row['alarms_per_hour']:9.2f} |"
            f"{row['expected_recall']:17.1%} {row['expected_alarms_per_hour']:9.2f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of a bundle")
    parser.add_argument("clips", type=Path, help="the CSV")
    parser.add_argument("--taught", type=int, default=5, metavar="N", help="clips of each class")
    parser.add_argument("--alarms", type=float, nargs="+", default=[0.1, 1.0, 10.0])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--json", type=Path, default=None, help="file for all figures")
    args = parser.parse_args()
    return exit_status(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
