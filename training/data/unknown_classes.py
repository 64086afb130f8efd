"""``python -m earmark.training.data.unknown_classes``: sounds that a bundle does not know.

Writes the CSV that ``python -m earmark.realtime.commands.measure_teaching`` reads: classes to be
taught, from clips that no training used, and other sound that must not be taken for them.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.errors import UsageError, exit_status

from .corpus import UNSTATED, Clip
from .open_corpus import open_corpus

#: Clips that a class needs: some to teach it, as many to test it.
FEWEST_CLIPS = 10


def unknown_classes(
    clips: Sequence[Clip], known: Sequence[str], named: Mapping[str, str]
) -> dict[str, list[Clip]]:
    """Return the classes that a bundle does not know, with their clips of unstated licence.

    Args:
        clips: All of the data set. Those of unstated licence are never trained on.
        known: Tags of the bundle.
        named: Further classes: name -> pattern of the names of their files.
    """
    unseen = [clip for clip in clips if clip.licence == UNSTATED]
    count = Counter(label for clip in unseen for label in clip.labels if label not in known)
    found: dict[str, list[Clip]] = {}
    # The most specific of labels that always come together is the class.
    order = {label: i for clip in reversed(unseen) for i, label in enumerate(clip.labels)}
    for label in sorted(count, key=lambda label: (order[label], label)):
        members = [clip for clip in unseen if label in clip.labels]
        if len(members) >= FEWEST_CLIPS and members not in found.values():
            found[label] = members
    for name, pattern in named.items():
        found[name] = [clip for clip in unseen if fnmatch(clip.path.name, pattern)]
        if len(found[name]) < FEWEST_CLIPS:
            raise UsageError(
                f"{name}: {len(found[name])} clips of unstated licence match {pattern!r}, "
                f"{FEWEST_CLIPS} are needed"
            )
    return found


def may_hold(clip: Clip, members: Sequence[Clip]) -> bool:
    """Return whether a clip is labelled too coarsely to say that a class is not in it."""
    shared = set.intersection(*(set(member.labels) for member in members))
    return set(clip.labels) <= shared


def run(args: argparse.Namespace) -> int:
    """Write the CSV."""
    corpus = open_corpus(args.data)
    known = BundleMetadata.read(args.bundle).vocabulary.names
    named = dict(word.split("=", 1) for word in args.named)
    classes = unknown_classes(corpus.clips, known, named)
    taken = {clip.path for members in classes.values() for clip in members}
    other = [c for c in corpus.in_folds(args.folds).clips if c.path not in taken]
    with args.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "class", "group", "unsure"])
        for name, members in classes.items():
            writer.writerows([clip.path.resolve(), name, clip.group, ""] for clip in members)
        for clip in other:
            unsure = [name for name, members in classes.items() if may_hold(clip, members)]
            writer.writerow([clip.path.resolve(), "", clip.group, ";".join(unsure)])
    for name, members in classes.items():
        print(f"{len(members):5} clips  {name}")
    print(f"{len(other):5} clips of other sound, fold {', '.join(args.folds)}")
    return 0


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of a bundle")
    parser.add_argument("data", type=Path, help="data set, as for `earmark train`")
    parser.add_argument("output", type=Path, help="CSV to write")
    parser.add_argument(
        "--folds", nargs="+", default=["5"], help="folds that the other sound is of"
    )
    parser.add_argument(
        "--named", nargs="*", default=[], metavar="CLASS=PATTERN", help="classes by file names"
    )
    args = parser.parse_args()
    return exit_status(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
