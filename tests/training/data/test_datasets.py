import csv
from pathlib import Path

import numpy as np
import pytest

from earmark.models.errors import CorpusError
from earmark.training.data.open_corpus import open_corpus


def edit(path: Path, change) -> None:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(change(rows))


def test_fsd50k_has_its_splits_labels_and_ids(fsd50k: Path) -> None:
    corpus = open_corpus(fsd50k)
    assert corpus.vocabulary.names == ("Bark", "Dog")
    assert corpus.vocabulary.audioset_ids == ("/m/05tny_", "/m/0bt9lr")
    assert [clip.fold for clip in corpus.clips] == ["train", "train", "val", "test", "test"]
    assert corpus.targets().tolist() == [[1, 1], [0, 1], [1, 1], [0, 1], [1, 1]]
    assert corpus.in_folds(["test"]).clips[0].path.name == "201.wav"


def test_esc50_has_five_folds_and_one_label_a_clip(esc50: Path) -> None:
    corpus = open_corpus(esc50)
    assert len(corpus.clips) == 10
    assert {clip.fold for clip in corpus.clips} == {"1", "2", "3", "4", "5"}
    assert all(clip.labels == (clip.exclusive_class,) for clip in corpus.clips)
    assert len(corpus.without_folds(["5"]).clips) == 8


def test_official_exceptions_of_esc50_are_allowed_others_not(esc50: Path) -> None:
    meta = esc50 / "meta" / "esc50.csv"

    def same_source(source: str):
        return lambda rows: [rows[0], *([*row[:5], source, row[6]] for row in rows[1:])]

    edit(meta, same_source("209698"))
    open_corpus(esc50)
    edit(meta, same_source("12345"))
    with pytest.raises(CorpusError, match=r"recording '12345' sits in the folds \['1', '2'"):
        open_corpus(esc50)


def test_manifest_is_read_relative_to_itself(manifest: Path) -> None:
    corpus = open_corpus(manifest)
    assert len(corpus.clips) == 60
    assert corpus.vocabulary.names == ("High", "Low", "Middle", "Tone")
    assert all(clip.path.is_file() and clip.licence == "CC0" for clip in corpus.clips)


def test_manifest_without_group_guesses_recordings_by_their_numbers(tmp_path: Path) -> None:
    rows = [
        ["path", "labels", "split", "source", "original_name"],
        ["a.wav", "Dog", "train", "esc", "1-100032-A-0.wav"],
        ["b.wav", "Dog", "train", "esc", "1-100032-B-0.wav"],
        ["c.wav", "Dog", "train", "esc", "2-200064-A-0.wav"],
        ["d.wav", "Dog", "test", "esc", "3-200064-A-0.wav"],
        ["e.wav", "Dog", "test", "esc", ""],
    ]
    for row in rows[1:]:
        (tmp_path / row[0]).touch()
    with (tmp_path / "m.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    groups = [clip.group for clip in open_corpus(tmp_path / "m.csv").clips]
    assert groups == ["esc:100032", "esc:100032", "c.wav", "d.wav", "e.wav"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,labels\na.wav,Dog\n", "no column 'fold or split'"),
        ("labels,fold\nDog,1\n", "no column 'path'"),
        ("path,labels,fold\n", "has no rows"),
        ("path,labels,fold\n,Dog,1\n", "line 2: a clip needs a path"),
        ("path,labels,fold\na.wav,,1\n", "no row has a label"),
        ("path,labels,fold\nnowhere.wav,Dog,1\n", "1 of 1 audio files are missing"),
        (
            "path,labels,fold,group\na.wav,Dog,1,x\na.wav,Dog,2,x\n",
            "recording 'x' sits in the folds",
        ),
    ],
)
def test_broken_manifest_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(CorpusError, match=message) as caught:
        open_corpus(tmp_path / "m.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("dev.csv", lambda rows: [*rows, ["104", "Cat", "/m/01yrx", "train"]], "label 'Cat'"),
        ("dev.csv", lambda rows: [["x"], *rows[1:]], "must begin with the columns"),
        ("dev.csv", lambda rows: [*rows, ["104"]], "line 5: 4 columns expected"),
        ("vocabulary.csv", lambda rows: [*rows, ["2", "Cat", "/m/01yrx"]], "no clip carries 'Cat'"),
        ("vocabulary.csv", lambda rows: [], "lists no labels"),
        ("eval.csv", lambda rows: [*rows, ["999", "Dog", "/m/0bt9lr"]], r"the first is .*999\.wav"),
    ],
)
def test_broken_fsd50k_is_told(fsd50k: Path, name: str, change, message: str) -> None:
    edit(fsd50k / "FSD50K.ground_truth" / name, change)
    with pytest.raises(CorpusError, match=message):
        open_corpus(fsd50k)


def test_missing_lists_are_named(fsd50k: Path, tmp_path: Path) -> None:
    (fsd50k / "FSD50K.ground_truth" / "eval.csv").unlink()
    with pytest.raises(CorpusError, match=r"eval\.csv is missing"):
        open_corpus(fsd50k)
    (tmp_path / "other").mkdir()
    with pytest.raises(CorpusError, match=r"neither FSD50K\.ground_truth nor meta/esc50\.csv"):
        open_corpus(tmp_path / "other")
    with pytest.raises(CorpusError, match="there is no data set"):
        open_corpus(tmp_path / "nowhere")


def test_rare_tags_are_left_out_and_clips_stay(manifest: Path) -> None:
    corpus = open_corpus(manifest)
    frequent = corpus.frequent_tags(30)
    assert frequent.names == ("Tone",)
    restricted = corpus.restricted_to(frequent)
    assert len(restricted.clips) == 60
    assert restricted.targets().shape == (60, 1)
    with pytest.raises(CorpusError, match="no tag has 1000 clips"):
        corpus.frequent_tags(1_000)


def test_unknown_fold_names_those_there_are(manifest: Path) -> None:
    with pytest.raises(CorpusError, match=r"no fold '9'; it has \['1', '2'"):
        open_corpus(manifest).in_folds(["9"])


def test_real_corpus_has_its_stated_numbers(shared_data: Path) -> None:
    corpus = open_corpus(shared_data / "corpus.csv")
    stated = corpus.with_licence_stated()
    assert (len(corpus.clips), len(stated.clips)) == (7_675, 5_458)
    learned = stated.without_folds(["5"])
    vocabulary = learned.frequent_tags(8)
    assert len(vocabulary) == 131
    test = stated.in_folds(["5"]).restricted_to(vocabulary)
    assert len(test.clips) == 988
    assert np.sum(test.targets().sum(axis=0) >= 5) == 92
