"""Tag every sound file of a folder into one CSV: python examples/tag_folder.py FOLDER TAGS.csv."""

import csv
import sys
from pathlib import Path

import earmark

SUFFIXES = {".wav", ".flac", ".ogg", ".mp3"}


def main(folder: Path, output: Path) -> None:
    """Write a row for each event of each file."""
    tagger = earmark.load()
    with output.open("x", newline="", encoding="utf-8") as stream:  # never over an older one
        rows = csv.writer(stream)
        rows.writerow(("file", "start", "end", "tag", "peak"))
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES:
                continue
            try:
                events = tagger.tag(path).events
            except earmark.AudioError as error:
                print(error, file=sys.stderr)
                continue
            for event in events:
                where = path.relative_to(folder)
                rows.writerow((where, event.start, event.end, event.tag, f"{event.peak:.3f}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
