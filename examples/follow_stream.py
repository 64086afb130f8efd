"""Say when a tag begins to sound, from the JSON lines of a live stream.

earmark live --format jsonl --all-tags | python examples/follow_stream.py Dog
"""

import json
import sys
from collections.abc import Iterable

THRESHOLD = 0.5


def main(tag: str, lines: Iterable[str]) -> None:
    """Print a line whenever the tag rises above the threshold or falls below it."""
    is_heard = False
    for line in lines:
        record = json.loads(line)
        if "tags" not in record:  # a change of the source, or a stretch not heard
            print(line.strip(), file=sys.stderr)
            continue
        probability = record["tags"].get(tag, 0.0)  # absent: not among those that are listed
        if (probability >= THRESHOLD) != is_heard:
            is_heard = not is_heard
            what = "begins" if is_heard else "ends"
            print(f"{record['start']:.1f} s: {tag} {what} ({probability:.0%})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin)
