import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.timebase import WINDOW_SAMPLES, seconds_to_samples, window_starts
from earmark.models.vocabulary import TagVocabulary


def test_tag_is_found_at_its_place() -> None:
    vocabulary = TagVocabulary(("Rain", "Dog"))
    assert [vocabulary.index_of(name) for name in vocabulary] == [0, 1]
    assert "Dog" in vocabulary
    assert "Cat" not in vocabulary


def test_tag_is_known_by_its_name_and_as_people_read_it() -> None:
    vocabulary = TagVocabulary(("Rain", "Baby_cry,_infant_cry", "Air conditioning"))
    assert vocabulary.index_of("Baby cry, infant cry") == 1
    assert vocabulary.index_of("Air conditioning") == 2
    assert "Baby cry, infant cry" in vocabulary
    assert "Baby" not in vocabulary


@pytest.mark.parametrize("names", [(), ("Dog", ""), ("Dog", "Dog")])
def test_vocabulary_refuses_what_cannot_be_looked_up(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="tag"):
        TagVocabulary(names)


def test_unknown_tag_suggests_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean Siren"):
        TagVocabulary(("Rain", "Siren")).index_of("sirens")


def test_unlike_tag_points_to_the_list() -> None:
    with pytest.raises(KeyError, match="earmark info"):
        TagVocabulary(("Rain",)).index_of("xylophone")


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 200_000), st.integers(400, 40_000))
def test_windows_leave_no_sample_out(n_samples: int, hop: int) -> None:
    starts = window_starts(n_samples, hop)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] + WINDOW_SAMPLES == max(n_samples, WINDOW_SAMPLES)
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert all(gap == hop for gap in gaps[:-1])
    assert all(gap <= hop for gap in gaps)


def test_windows_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        window_starts(0, 100)


def test_seconds_are_rounded_to_the_nearest_sample() -> None:
    assert seconds_to_samples(0.1) == 1_600
