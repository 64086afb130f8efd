import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.__main__ import main
from earmark.models.errors import CorpusError
from earmark.training.data.linear_classifier import fit_linear, out_of_fold_probabilities
from earmark.training.data.open_corpus import open_corpus
from earmark.training.data.teacher import TeacherOutputs, read_teacher, window_starts_in_seconds
from earmark.training.data.training_set import TrainingSet
from earmark.training.learning.losses import (
    Heard,
    Objective,
    distance_correlation,
    embedding_distance,
    tagging_loss,
)
from earmark.training.learning.stages import BranchTagger, MobileNetTagger
from earmark.training.metrics import mean_average_precision
from earmark.training.recipe import StageSettings

REGULARIZERS = ("distance_correlation", "cosine_difference", "projection")


@pytest.fixture
def teacher() -> TeacherOutputs:
    """Two clips of three seconds and one, features that count the seconds, and one unheard."""
    return TeacherOutputs(
        probabilities=np.array([[0.0], [0.4], [0.8], [1.0]], np.float32),
        features=np.array([[0.0], [10.0], [20.0], [90.0]], np.float32),
        first=np.array([0, 3, 4, 4]),
    )


# Outputs of windows


@pytest.mark.parametrize(
    ("start", "feature"), [(0.0, 0.0), (1.0, 10.0), (1.25, 12.5), (2.0, 20.0), (2.7, 20.0)]
)
def test_between_two_seconds_the_teacher_is_interpolated(teacher, start, feature) -> None:
    probabilities, features, known = teacher.of_windows(np.array([0]), np.array([start]))
    assert features[0, 0] == pytest.approx(feature)
    assert probabilities[0, 0] == pytest.approx(feature / 25)
    assert known[0]


def test_no_second_of_another_clip_is_looked_at(teacher) -> None:
    features = teacher.of_windows(np.array([1, 0]), np.array([0.9, 5.0]))[1]
    assert features[:, 0].tolist() == [90, 20]


def test_what_the_teacher_did_not_hear_is_unknown(teacher) -> None:
    probabilities, features, known = teacher.of_windows(np.array([2, 1]), np.array([0.0, 0.0]))
    assert known.tolist() == [False, True]
    assert probabilities[0, 0] == features[0, 0] == 0
    more = teacher.with_unheard(2)
    assert more.of_windows(np.array([4]), np.array([0.0]))[2].tolist() == [False]


def test_windows_start_where_they_are_cut() -> None:
    lengths, positions = np.array([48_000, 48_000, 8_000]), np.array([0.5, 1.0, 1.0])
    assert window_starts_in_seconds(lengths, positions).tolist() == [1.0, 2.0, 0.0]


def test_lessons_mix_labels_and_teacher_in_the_share_asked_for(teacher) -> None:
    clips = [np.zeros(n, np.float32) for n in (48_000, 16_000, 16_000)]
    labels = np.array([[1.0], [0.0], [1.0]], np.float32)
    training_set = TrainingSet(clips, labels, teacher)
    lessons = training_set.lessons(np.array([0, 1, 2]), np.array([0.5, 0.0, 0.0]), 0.25)
    np.testing.assert_allclose(lessons[:, 0], [0.75 + 0.25 * 0.4, 0.25, 1.0])
    assert lessons[:, 1].tolist() == [10, 90, 0]
    assert lessons[:, 2].tolist() == [1, 1, 0]
    alone = TrainingSet(clips, labels).lessons(np.array([0, 2]), np.zeros(2), 0.25)
    assert alone.tolist() == [[1], [1]]


# The linear classifier


def test_linear_classifier_finds_what_is_linear() -> None:
    generator = np.random.default_rng(0)
    features = generator.standard_normal((600, 5)).astype(np.float32)
    targets = (features[:, :2] > 0).astype(np.float32)
    weight, bias = fit_linear(features, targets)
    logits = (torch.from_numpy(features) @ weight + bias).numpy()
    assert ((logits > 0) == (targets > 0)).mean() > 0.9


def test_nothing_is_asked_of_a_classifier_that_was_fitted_to_its_group() -> None:
    # Each group has features of its own and labels by chance: only who has seen it can know.
    generator = np.random.default_rng(1)
    features = np.repeat(generator.standard_normal((120, 256)), 4, axis=0).astype(np.float32)
    targets = np.repeat(generator.random((120, 1)) < 0.5, 4, axis=0).astype(np.float32)
    groups = np.repeat([f"recording {i}" for i in range(120)], 4)
    weight, bias = fit_linear(features, targets)
    seen = torch.sigmoid(torch.from_numpy(features) @ weight + bias).numpy()
    unseen = out_of_fold_probabilities(features, targets, groups)
    assert ((seen > 0.5) == (targets > 0)).mean() > 0.9
    assert ((unseen > 0.5) == (targets > 0)).mean() < 0.65


# Losses


def test_huber_loss_is_on_probabilities_and_bce_on_logits() -> None:
    logits, targets = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 1.0]])
    distance = torch.sigmoid(logits) - targets
    assert tagging_loss(logits, targets, "huber") == pytest.approx(float((distance**2 / 2).mean()))
    wanted = -torch.log(torch.sigmoid(logits)).mean()
    assert tagging_loss(logits, targets, "bce") == pytest.approx(float(wanted))


def test_distance_correlation_sees_neither_scale_nor_rotation() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(50, 4, generator=generator)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q
    assert distance_correlation(values, 3 * values @ rotation + 1) == pytest.approx(1, abs=1e-4)
    other = torch.randn(50, 4, generator=generator)
    assert distance_correlation(values, other) < 0.6


def test_distance_correlation_of_a_hand_computed_example() -> None:
    # Distances within (0, 1, 3) and (0, 1, 0), less the means of rows and columns, plus all's.
    one = np.array([[-12, 0, 12], [0, -6, 6], [12, 6, -18]]) / 9
    other = np.array([[-2, 4, -2], [4, -8, 4], [-2, 4, -2]]) / 9
    first, second = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [1.0], [0.0]])
    wanted = ((one * other).mean() / np.sqrt((one**2).mean() * (other**2).mean())) ** 0.5
    assert distance_correlation(first, second) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("kind", REGULARIZERS)
def test_embedding_is_as_far_from_itself_as_nothing(kind: str) -> None:
    values = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    assert embedding_distance(values, 2 * values, kind) == pytest.approx(0, abs=1e-3)
    assert embedding_distance(values[:1], values[:1], kind) == 0


@pytest.mark.parametrize("kind", REGULARIZERS)
def test_gradient_leads_toward_the_teacher(kind: str) -> None:
    generator = torch.Generator().manual_seed(2)
    teacher = torch.randn(24, 5, generator=generator)
    student = torch.randn(24, 5, generator=generator, requires_grad=True)
    optimizer = torch.optim.Adam([student], lr=0.05)
    distances = []
    for _ in range(60):
        distance = embedding_distance(student, teacher, kind)
        optimizer.zero_grad()
        distance.backward()
        optimizer.step()
        distances.append(float(distance.detach()))
    assert distances[-1] < 0.5 * distances[0]


def test_distance_from_the_teacher_takes_its_share_of_the_loss() -> None:
    generator = torch.Generator().manual_seed(3)
    logits, embedding = (
        torch.randn(8, 2, generator=generator),
        torch.randn(8, 4, generator=generator),
    )
    targets = (torch.rand(8, 2, generator=generator) < 0.5).float()
    features = torch.randn(8, 4, generator=generator)
    known = torch.tensor([1.0] * 6 + [0.0, 0.4])[:, None]
    lessons = torch.cat([targets, features, known], dim=1)
    settings = StageSettings(loss="bce", regularization=0.3, regularizer="projection")
    loss = Objective(settings, n_tags=2)(Heard(logits, logits, embedding), lessons)
    distance = embedding_distance(embedding[:6], features[:6], "projection")
    wanted = 0.7 * tagging_loss(logits, targets, "bce") + 0.3 * distance
    assert loss == pytest.approx(float(wanted))
    plain = Objective(StageSettings(loss="bce"), n_tags=2)(
        Heard(logits, logits, embedding), targets
    )
    assert plain == pytest.approx(float(tagging_loss(logits, targets, "bce")))


def test_deep_supervision_is_a_weighted_mean_of_both_classifiers() -> None:
    logits, linear, targets = torch.zeros(2, 1), torch.full((2, 1), 3.0), torch.ones(2, 1)
    objective = Objective(StageSettings(loss="bce", deep_supervision=0.5), n_tags=1)
    own, other = (tagging_loss(given, targets, "bce") for given in (logits, linear))
    loss = objective(Heard(logits, linear, logits), targets)
    assert loss == pytest.approx(float((own + 0.5 * other) / 1.5))


# What is trained


def test_frozen_front_end_stays_as_it_will_be_used(tiny_tagger) -> None:
    branch = copy.deepcopy(tiny_tagger.branches["neuralogram"])
    before = {name: value.clone() for name, value in branch.front_end.state_dict().items()}
    module = BranchTagger(branch, 5, masking=0.2, learns_front_end=False, n_projected=7).train()
    heard = module(torch.randn(4, 16_000, generator=torch.Generator().manual_seed(0)))
    heard.logits.sum().backward()
    assert heard.embedding.shape == (4, 7)
    assert all(p.grad is None for p in branch.front_end.parameters())
    for name, value in branch.front_end.state_dict().items():
        assert torch.equal(value, before[name])
    assert branch.encoder.project.weight.grad.abs().sum() > 0


def test_windows_and_their_tokens_are_heard_alike(tiny_tagger) -> None:
    branch = copy.deepcopy(tiny_tagger.branches["timbre"])
    module = BranchTagger(branch, 5, masking=0.2, learns_front_end=False, n_projected=0).eval()
    windows = torch.randn(3, 16_000, generator=torch.Generator().manual_seed(0))
    tokens = branch.tokens(windows.reshape(-1, branch.block_samples)).reshape(3, 40, -1)
    torch.testing.assert_close(module(windows).logits, module(tokens).logits)


@pytest.mark.parametrize(
    ("masking", "image_chunks", "seen_while_it_learns"),
    [(0.4, 1, (4 * 6, 1_600)), (0.0, 1, (4 * 10, 1_600)), (0.4, 2, (4 * 3, 3_200)),
     (0.4, 10, (4, 16_000))],
)  # fmt: skip
def test_mobilenet_leaves_out_images_and_joins_chunks_while_it_learns_only(
    tiny_tagger, masking: float, image_chunks: int, seen_while_it_learns: tuple[int, int]
) -> None:
    front_end = copy.deepcopy(tiny_tagger.branches["neuralogram"].front_end)
    seen = []
    front_end.register_forward_hook(lambda module, given, found: seen.append(given[0].shape))
    module = MobileNetTagger(
        front_end, 5, dropout=0.0, masking=masking, image_chunks=image_chunks, n_projected=0
    )
    windows = torch.randn(4, 16_000, generator=torch.Generator().manual_seed(0))
    module.train()(windows)
    module.eval()(windows)
    assert seen == [seen_while_it_learns, (4 * 10, 1_600)]


# The file


def write_teacher(path: Path, manifest: Path, *, without: int = -1) -> Path:
    """A teacher that hears what is in each tone, two seconds of each clip, with some doubt."""
    corpus = open_corpus(manifest)
    generator = np.random.default_rng(0)
    rows = np.repeat([i for i in range(len(corpus.clips)) if i != without], 2)
    features = corpus.targets()[rows] + 0.1 * generator.standard_normal((len(rows), 4))
    np.savez(path, row=rows.astype(np.int32), features=features.astype(np.float16))
    return path


def test_teacher_is_read_for_the_clips_asked_for(manifest: Path, tmp_path: Path) -> None:
    corpus = open_corpus(manifest)
    clips = corpus.in_folds(["2", "3"]).clips
    targets = type(corpus)(corpus.name, clips, corpus.vocabulary).targets()
    heard = read_teacher(write_teacher(tmp_path / "t.npz", manifest), corpus, clips, targets)
    assert heard.first.tolist() == list(range(0, 2 * len(clips) + 1, 2))
    assert heard.features.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-5)
    tones = mean_average_precision(heard.probabilities[::2], targets)
    assert tones > 0.95


def test_teacher_of_another_data_set_is_told(manifest: Path, tmp_path: Path) -> None:
    corpus = open_corpus(manifest)
    path = write_teacher(tmp_path / "t.npz", manifest, without=5)
    with pytest.raises(CorpusError, match=f"no outputs for {corpus.clips[5].path.name}"):
        read_teacher(path, corpus, corpus.clips, corpus.targets())
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(CorpusError, match="holds no teacher's outputs"):
        read_teacher(tmp_path / "broken.npz", corpus, corpus.clips, corpus.targets())


@pytest.mark.slow
def test_recipe_with_a_teacher_trains_and_says_so(manifest, tmp_path, capsys) -> None:
    recipe = tmp_path / "taught.toml"
    recipe.write_text(
        "[data]\nminimum_clips = 1\nnegatives = 8\n"
        "[model.encoder]\nn_layers = 2\nd_classifier = 8\n"
        "[model.neuralogram]\nwidth = 0.125\n"
        "[training]\nepochs = 1\nwindows_per_epoch = 32\nbatch_size = 16\nloss = 'bce'\n"
        "mixup = 0.4\nmix_sounds = true\nfilter_db = 6.0\nbackground = 0.5\ngain_db = 6.0\n"
        "masking = 0.2\ndistillation = 0.5\nregularization = 0.2\nregularizer = 'projection'\n"
        "untagged_share = 0.2\ndeep_supervision = 0.5\n"
    )
    run = str(tmp_path / "run")
    cache = ["--cache", str(tmp_path / "cache"), "--device", "cpu"]
    words = ["train", str(manifest), "--recipe", str(recipe), "--run", run, *cache]
    assert main(words) == 2
    assert "give the file of its outputs as --teacher" in capsys.readouterr().err
    teacher = write_teacher(tmp_path / "teacher.npz", manifest)
    assert main([*words, "--teacher", str(teacher)]) == 0
    assert main(["evaluate", run, str(manifest), *cache]) == 0
    assert "Track: **with a teacher**" in (tmp_path / "run" / "report.md").read_text()
    assert main(["export", run, str(tmp_path / "bundle")]) == 0
    assert main(["info", str(tmp_path / "bundle")]) == 0
    assert "with a teacher" in capsys.readouterr().out
