"""Setting whole recordings aside, so that what is measured on was never learned from."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from .corpus import Clip

# Below this many recordings a tag is too rare to give one away.
_MINIMUM_GROUPS = 4


def hold_out(clips: Sequence[Clip], share: float, seed: int) -> tuple[list[Clip], list[Clip]]:
    """Divide clips into those to learn from and those held out.

    Whole recordings are held out, rare tags served first, until each tag has about its share.

    Args:
        clips: In any order; the same clips give the same division.
        share: Of each tag's clips, between 0 and 1.
        seed: Another seed, another division.

    Returns:
        Learned from and held out, each in the given order.

    Raises:
        ValueError: If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"the share held out must lie between 0 and 1, got {share}")
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.group].append(clip)
    count = Counter(label for clip in clips for label in clip.labels)
    in_groups = Counter(
        label
        for members in groups.values()
        for label in {label for clip in members for label in clip.labels}
    )
    wanted = {
        label: max(1, round(share * n)) if in_groups[label] >= _MINIMUM_GROUPS else 0
        for label, n in count.items()
    }
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    held: set[str] = set()
    given: Counter[str] = Counter()
    for label in sorted(count, key=lambda tag: (count[tag], tag)):
        for group in order:
            if given[label] >= wanted[label]:
                break
            carries = any(label in clip.labels for clip in groups[group])
            # A recording cut into many pieces would take the place of all others.
            is_small = len(groups[group]) <= max(8, 2 * wanted[label])
            if carries and is_small and group not in held:
                held.add(group)
                given.update(tag for clip in groups[group] for tag in clip.labels)
    return (
        [clip for clip in clips if clip.group not in held],
        [clip for clip in clips if clip.group in held],
    )


def thinned(clips: Sequence[Clip], share: float, seed: int) -> list[Clip]:
    """Return the clips of a share of the recordings; a smaller share is part of a larger one.

    Args:
        clips: In any order, which is kept.
        share: Of the recordings, above 0 and at most 1.
        seed: Another seed, other recordings.

    Raises:
        ValueError: If the share is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share learned from must lie above 0 and not above 1, got {share}")
    groups = sorted({clip.group for clip in clips})
    random.Random(seed).shuffle(groups)
    kept = set(groups[: max(1, round(share * len(groups)))])
    return [clip for clip in clips if clip.group in kept]
