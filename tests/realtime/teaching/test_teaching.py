import numpy as np
import pytest
import soundfile

from earmark.models.bundle.background import Background
from earmark.models.errors import AudioError, UsageError
from earmark.realtime.teaching.clips import ClipSpan
from earmark.realtime.teaching.embedder import Embedder
from earmark.realtime.teaching.fitting import Tail, fit_row
from earmark.realtime.teaching.lesson import Lesson, learn
from earmark.realtime.teaching.measure import Example, measure
from earmark.realtime.teaching.teacher import Assignment, Teacher

WIDTH = 16


def cloud(n: int, *, seed: int, center: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((n, WIDTH)).astype(np.float32)
    found[:, 0] += center
    return found


def clips(n: int, center: float, *, seed: int = 50) -> list[np.ndarray]:
    return [cloud(6, seed=seed + i, center=center) for i in range(n)]


@pytest.fixture
def counting(tmp_path):
    """A recording whose samples say where they are."""
    path = tmp_path / "yard.wav"
    soundfile.write(path, (np.arange(5 * 16_000) / 100_000).astype(np.float32), 16_000, "FLOAT")
    return path


def test_span_is_cut_from_its_recording(counting) -> None:
    found = ClipSpan.parse(f"{counting}@1.5-3").read()
    assert len(found) == 24_000
    assert found[0] == pytest.approx(0.24)


def test_short_span_is_widened_to_a_window_around_it(counting) -> None:
    found = ClipSpan.parse(f"{counting}@2.0-2.2").read()
    assert len(found) == 16_000
    assert found[0] == pytest.approx(0.256, abs=1e-6)  # 0.4 s before
    at_the_end = ClipSpan.parse(f"{counting}@4.9-5").read()
    assert len(at_the_end) == 16_000
    assert at_the_end[-1] == pytest.approx(0.79999, abs=1e-5)


def test_span_is_written_as_it_is_read(counting) -> None:
    span = ClipSpan.parse(f"{counting}@3.2-4.5")
    assert ClipSpan.parse(str(span)) == span


def test_file_that_is_called_like_a_span_is_meant(tmp_path, noise) -> None:
    path = tmp_path / "a.wav@1-2"
    soundfile.write(path, noise(0.5), 16_000, format="WAV")
    assert len(ClipSpan.parse(str(path)).read()) == 8_000


def test_wrong_clips_are_told(counting, tmp_path) -> None:
    with pytest.raises(UsageError, match="before it begins"):
        ClipSpan.parse("yard.wav@3-2")
    with pytest.raises(UsageError, match=r"but the recording at 5\.00 s"):
        ClipSpan.parse(f"{counting}@3-9").read()
    with pytest.raises(AudioError, match="there is no file"):
        ClipSpan.parse("nowhere.wav@1-2").read()
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(31 * 16_000, np.float32), 16_000)
    with pytest.raises(UsageError, match=r"longer than 30 s.*long\.wav@"):
        ClipSpan.parse(str(long)).read()


def test_embeddings_do_not_depend_on_how_many_windows_there_are(tiny_bundle, noise) -> None:
    embedder, sound = Embedder(tiny_bundle), noise(2.0)
    found = embedder.embed(sound, 1_600)
    assert found.shape == (11, 256)
    np.testing.assert_allclose(found[4], embedder.embed(sound[6_400:22_400], 1_600)[0], atol=1e-4)


def test_row_does_not_depend_on_how_often_a_clip_is_cut() -> None:
    background = cloud(400, seed=1)
    few = clips(3, 4.0)
    doubled = [np.concatenate([few[0], few[0]]), *few[1:]]
    found, wanted = fit_row(doubled, background), fit_row(few, background)
    np.testing.assert_allclose(found.weight, wanted.weight, atol=1e-2)


def test_directions_in_which_a_recording_differs_from_itself_do_not_tell_sounds_apart() -> None:
    background = cloud(2_000, seed=11)
    # The clips share a shift in two directions; in one of them any recording moves about.
    shift = np.zeros(WIDTH, np.float32)
    shift[:2] = 3.0
    within = np.eye(WIDTH, dtype=np.float32)
    within[1, 1] = 25.0
    shifted = [clip + shift for clip in clips(4, 0.0)]
    found, plain = fit_row(shifted, background, within=within), fit_row(shifted, background)
    assert abs(found.weight[1] / found.weight[0]) < 0.5 * abs(plain.weight[1] / plain.weight[0])


def test_sounds_that_stand_apart_are_heard_and_the_background_is_not() -> None:
    row, expected = learn(Lesson(clips(5, 8.0), cloud(3_600, seed=2), [], 1.0))
    assert expected.recall == 1
    assert expected.alarms_per_hour <= 2
    assert expected.precision > 0.8
    assert (row.scores(cloud(200, seed=3, center=8.0)) > 0).mean() > 0.95
    assert (row.scores(cloud(3_600, seed=4)) > 0).sum() <= 5


def test_sounds_like_the_background_promise_nothing() -> None:
    _, expected = learn(Lesson(clips(5, 0.0), cloud(3_600, seed=5), [], 1.0))
    assert expected.recall <= 0.2
    assert expected.precision < 0.5


def test_fewer_alarms_allowed_mean_a_higher_bar() -> None:
    scores = cloud(400, seed=6, center=2.0)
    rows = [learn(Lesson(clips(5, 3.0), cloud(3_600, seed=7), [], n))[0] for n in (0.1, 1, 10)]
    heard = [(row.scores(scores) > 0).mean() for row in rows]
    assert heard[0] < heard[1] < heard[2]


def test_expected_alarms_hold_for_background_that_was_never_seen() -> None:
    row, _ = learn(Lesson(clips(5, 3.0), cloud(3_600, seed=8), [], 20.0))
    alarms = (row.scores(cloud(36_000, seed=9)) > 0).sum() / 10
    assert 5 < alarms < 60


def test_tail_of_an_exponential_is_found() -> None:
    scores = np.random.default_rng(0).exponential(2.0, 20_000).astype(np.float32)
    tail = Tail.of(scores)
    assert tail.scale == pytest.approx(2.0, rel=0.15)
    assert tail.score_of(1e-4) == pytest.approx(2.0 * np.log(1e4), rel=0.1)


def test_other_taught_tags_are_told_apart() -> None:
    background = cloud(2_000, seed=10)
    near = [clip + np.eye(WIDTH, dtype=np.float32)[1] * 4 for clip in clips(5, 4.0, seed=80)]
    alone = fit_row(clips(5, 4.0), background)
    with_rivals = fit_row(clips(5, 4.0), background, near)
    unseen = clips(5, 4.0, seed=90)[0] + np.eye(WIDTH, dtype=np.float32)[1] * 4
    assert with_rivals.scores(unseen).mean() < alone.scores(unseen).mean()


@pytest.mark.parametrize("count", [0, 2, 21])
def test_too_few_or_too_many_clips_are_refused(count: int, tmp_path) -> None:
    with pytest.raises(UsageError, match=f"3 to 20 clips, got {count}"):
        Assignment("Kettle", [ClipSpan(tmp_path / str(i)) for i in range(count)])


def test_clip_given_twice_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="given twice"):
        Assignment("Kettle", [ClipSpan(tmp_path / name) for name in "aab"])


def test_tag_that_the_bundle_knows_is_not_taught(tiny_bundle, tmp_path) -> None:
    assignment = Assignment("dog", [ClipSpan(tmp_path / name) for name in "abc"])
    with pytest.raises(UsageError, match="tiny knows the tag 'Dog' already"):
        Teacher(tiny_bundle, None).teach(assignment)


def test_silence_around_a_sound_is_not_taught(tiny_bundle, tone) -> None:
    teacher = Teacher(tiny_bundle, None)
    sound = tone(440.0, 1.0)
    padded = np.concatenate([sound, np.zeros(80_000, np.float32)])
    assert len(teacher.listen(padded)) < len(Embedder(tiny_bundle).embed(padded, 3_200)) / 2


def test_measure_counts_what_is_right_and_what_is_an_alarm() -> None:
    def example(name: str, i: int, center: float, unsure: frozenset[str] = frozenset()) -> Example:
        return Example(
            name=name,
            group=f"{name}{i}",
            unsure=unsure,
            n_samples=24_000,
            lesson=cloud(6, seed=1_000 + i, center=center),
            heard=cloud(6, seed=2_000 + i, center=center),
        )

    apart = [example("Kettle", i, 9.0) for i in range(8)]
    apart += [example("Toaster", 20 + i, -9.0) for i in range(8)]
    quiet = [example("", 40 + i, 0.0) for i in range(40)]
    loud = [example("", 100, 9.0), example("", 101, 9.0, frozenset({"Kettle"}))]
    found = measure(
        [*apart, *quiet, *loud],
        Background(cloud(2_000, seed=3), np.eye(WIDTH, dtype=np.float32)),
        n_clips=5,
        alarms_per_hour=1.0,
        seed=0,
    )
    assert found.right == {"Kettle": 1.0, "Toaster": 1.0}
    assert found.alarms == {"Kettle": 1, "Toaster": 0}
    assert found.hours == pytest.approx(42 * 1.5 / 3_600)
