import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.errors import CorpusError
from earmark.training.data.audio_cache import AudioCache, default_cache_folder
from earmark.training.data.corpus import Clip
from earmark.training.data.open_corpus import open_corpus
from earmark.training.data.splits import hold_out


def test_any_rate_and_channels_become_16_khz_mono(tmp_path: Path) -> None:
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (44_100, 2))
    soundfile.write(tmp_path / "a.flac", stereo, 44_100)
    found = AudioCache(tmp_path / "cache").load(tmp_path / "a.flac")
    wanted = soxr.resample(stereo.mean(axis=1), 44_100, 16_000, quality="VHQ")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_second_load_comes_from_the_cache(tmp_path: Path, monkeypatch) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(1_600, 0.25), 16_000)
    cache = AudioCache(tmp_path / "cache")
    first = cache.load(tmp_path / "a.wav")
    monkeypatch.setattr(soundfile, "read", pytest.fail)
    np.testing.assert_array_equal(cache.load(tmp_path / "a.wav"), first)


def test_changed_source_is_decoded_again(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    cache = AudioCache(tmp_path / "cache")
    soundfile.write(source, np.full(1_600, 0.25), 16_000)
    cache.load(source)
    soundfile.write(source, np.full(1_600, 0.5), 16_000)
    os.utime(source, ns=(1, 1))
    assert cache.load(source)[0] == pytest.approx(0.5, abs=1e-3)


def test_loading_all_keeps_the_order_and_tells_how_far_it_is(tmp_path: Path) -> None:
    paths = []
    for i in range(6):
        paths.append(tmp_path / f"{i}.wav")
        soundfile.write(paths[-1], np.full(800, i / 10), 16_000)
    told = []
    found = AudioCache(tmp_path / "cache").load_all(paths, lambda *step: told.append(step))
    assert [round(float(w[0]), 2) for w in found] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert told == [(i, 6) for i in range(1, 7)]


def test_bad_recordings_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan]), 16_000, subtype="FLOAT")
    cache = AudioCache(tmp_path / "cache")
    for name, message in (
        ("text.wav", "cannot read"),
        ("empty.wav", "holds no sound"),
        ("nan.wav", "NaN or infinite"),
        ("nowhere.wav", "No such file"),
    ):
        with pytest.raises(CorpusError, match=message):
            cache.load(tmp_path / name)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_cache_follows_the_xdg_rules(monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_folder() == Path("/somewhere/earmark/audio")


def clips_of(groups: list[int]) -> list[Clip]:
    return [
        Clip(Path(f"{i}.wav"), ("even" if group % 2 else "odd", "all"), "1", str(group))
        for i, group in enumerate(groups)
    ]


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=10, max_size=80), st.integers(0, 5))
def test_no_recording_is_on_both_sides(groups: list[int], seed: int) -> None:
    learned, held = hold_out(clips_of(groups), 0.2, seed)
    assert not {clip.group for clip in learned} & {clip.group for clip in held}
    assert len(learned) + len(held) == len(groups)


def test_order_of_the_clips_does_not_matter() -> None:
    clips = clips_of(list(range(50)))
    held = hold_out(clips, 0.2, seed=3)[1]
    assert set(hold_out(clips[::-1], 0.2, seed=3)[1]) == set(held)
    assert set(hold_out(clips, 0.2, seed=4)[1]) != set(held)


def test_every_tag_of_the_real_corpus_gives_about_its_share(shared_data: Path) -> None:
    corpus = open_corpus(shared_data / "corpus.csv").with_licence_stated().without_folds(["5"])
    frequent = corpus.restricted_to(corpus.frequent_tags(30))
    _, held = hold_out(frequent.clips, 0.1, seed=1)
    assert 0.07 < len(held) / len(frequent.clips) < 0.15
    tags = {label for clip in held for label in clip.labels}
    assert len(tags) >= 0.97 * len(frequent.vocabulary)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out(clips_of([1, 2]), share, 1)
