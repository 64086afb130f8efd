"""Spoiled sound files, each read in a process with limits.

    python -m tests.fuzzing --files 10000

What may become of a file: it is read, read in part, or refused in one line. What may not: a crash,
more than 10 s, or more than 512 MB. Exit status 1 if that happens; the files are kept.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from .runner import BAD, GOOD, Counted, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="the same gives the same files")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzzing-kept"), help="folder of the offending files"
    )
    args = parser.parse_args()
    began = time.monotonic()
    counted = Counted()
    for number, counted in enumerate(fuzz(args.files, args.seed, args.keep), 1):
        if number % 250 == 0:
            print(f"{number} of {args.files}: {told(counted)}", file=sys.stderr, flush=True)
    for name, outcome, why in counted.offending:
        print(f"{outcome}: {args.keep / name}: {why.strip().splitlines()[-1]}", file=sys.stderr)
    counts = {outcome: counted.outcomes[outcome] for outcome in (*GOOD, *BAD)}
    print(json.dumps({**counts, "took_s": round(time.monotonic() - began, 1)}))
    return 1 if counted.offending else 0


def told(counted: Counted) -> str:
    """Return the counts in words."""
    return ", ".join(f"{counted.outcomes[outcome]} {outcome}" for outcome in (*GOOD, *BAD))


if __name__ == "__main__":
    sys.exit(main())
