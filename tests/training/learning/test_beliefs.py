from pathlib import Path

import numpy as np
import pytest

from earmark.training.data.corpus import Clip
from earmark.training.learning.beliefs import (
    agreement,
    beliefs,
    tags_with_evidence,
    what_and_when,
)

TAGS = ("Dog", "Siren", "Water")


def clip(*labels: str, source: str = "street", group: str = "a", hint: str = "") -> Clip:
    return Clip(Path("clip.wav"), labels, "1", group, source=source, hint=hint)


def believed(*clips: Clip, heard: float = 0.5) -> np.ndarray:
    return beliefs(clips, TAGS, np.full((len(clips), 3), heard, np.float32), TAGS)


def test_labels_are_believed_whatever_teachers_hear() -> None:
    assert believed(clip("Siren"), heard=0.01)[0, 1] == 1


def test_what_a_collection_knows_and_did_not_mark_is_believed_less() -> None:
    # "street" marks sirens and dogs; of water it says nothing.
    one, _ = believed(clip("Siren"), clip("Dog"))
    assert one[0] < one[2] == pytest.approx(0.5)


def test_recordings_without_labels_are_what_teachers_hear() -> None:
    assert (believed(clip(source="pool")) == 0.5).all()


def test_a_name_lifts_what_teachers_half_hear_and_nothing_else() -> None:
    half, none = (
        believed(clip(source="pool", hint="big dogs 02"), heard=heard)[0] for heard in (0.1, 0.001)
    )
    assert half[0] > 0.4
    assert half[1] == pytest.approx(0.1)
    assert none[0] == pytest.approx(0.001)


def test_teachers_agree_when_one_is_sure_and_the_other_half_sure() -> None:
    first, second = np.array([[0.5, 0.5, 0.2]]), np.array([[0.2, 0.1, 0.5]])
    assert agreement(first, second).tolist() == [[True, False, True]]


def test_evidence_counts_recordings_not_their_pieces() -> None:
    clips = [clip("Dog", group="a"), clip("Dog", group="a"), clip(group="b"), clip(group="c")]
    agreed = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]], bool)
    assert tags_with_evidence(clips, TAGS, agreed, 2) == {"Dog": 2, "Siren": 2}


# What and when


def taught(heard: float, known: float, share: float = 0.5) -> float:
    one = np.array([[heard]], np.float32), np.array([[known]], np.float32)
    return float(what_and_when(*one, share)[0, 0])


def test_a_window_and_its_recording_that_agree_teach_what_they_say() -> None:
    assert taught(0.3, 0.3) == pytest.approx(0.3)


def test_a_window_teaches_more_of_what_it_or_its_recording_says_more_of() -> None:
    assert taught(0.1, 0.5) < taught(0.2, 0.5) < taught(0.2, 0.9) < taught(0.5, 0.9)


def test_what_a_recording_carries_is_taught_where_it_is_heard_and_hardly_elsewhere() -> None:
    assert taught(0.6, 1.0) > 0.85
    assert taught(0.001, 1.0) < 0.25


def test_a_share_of_all_leaves_one_side() -> None:
    assert taught(0.1, 0.8, share=1.0) == pytest.approx(0.8)
    assert taught(0.1, 0.8, share=0.0) == pytest.approx(0.1)


def test_of_what_no_teacher_knows_the_belief_is_all() -> None:
    assert taught(np.nan, 1.0) == 1
    assert beliefs([clip("Dog")], TAGS, np.full((1, 3), np.nan, np.float32), TAGS).tolist() == [
        [1, 0, 0]
    ]


def test_certainty_is_finite() -> None:
    assert 0 < taught(0.0, 0.0) < taught(1.0, 0.0) < taught(1.0, 1.0) < 1
