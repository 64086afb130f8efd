import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.calibration import Calibration
from earmark.models.errors import BundleError
from earmark.models.tags import MOST_PARENTS, Tag
from earmark.models.vocabulary import TagVocabulary

TAGS = (
    Tag("Dog", "Dog", "/m/0bt9lr", (), "Animal", {"de": "Hund", "fr": "Chien"}),
    Tag("Bark", "Dog bark", "/m/05tny_", ("Dog",), "Animal", {"de": "Bellen"}),
    Tag("Rain", "Rain"),
)


@pytest.fixture
def folder(tiny_bundle_folder: Path, tmp_path: Path) -> Path:
    """A bundle that says of its tags what can be said."""
    folder = Path(shutil.copytree(tiny_bundle_folder, tmp_path / "bundle"))
    vocabulary = TagVocabulary(
        tuple(tag.label for tag in TAGS), tuple(tag.audioset_id for tag in TAGS)
    )
    metadata = BundleMetadata("tags", vocabulary, Calibration.neutral(len(TAGS)), tags=TAGS)
    table = metadata.as_table() | {"sha256": BundleMetadata.read(tiny_bundle_folder).sha256}
    (folder / "bundle.json").write_text(json.dumps(table))
    return folder


def edit(folder: Path, key: str, value: object, *, tag: int | None = None) -> None:
    path = folder / "bundle.json"
    table = json.loads(path.read_text())
    (table if tag is None else table["tags"][tag])[key] = value
    path.write_text(json.dumps(table))


def test_tags_survive_the_round_trip(folder) -> None:
    metadata = BundleMetadata.read(folder)
    assert metadata.tags == TAGS
    assert metadata.vocabulary.names == ("Dog", "Bark", "Rain")
    assert metadata.vocabulary.audioset_ids == ("/m/0bt9lr", "/m/05tny_", "")


def test_names_of_a_language_are_one_table(folder) -> None:
    names = json.loads((folder / "bundle.json").read_text())["names"]
    assert names == {"de": {"Dog": "Hund", "Bark": "Bellen"}, "fr": {"Dog": "Chien"}}


def test_bundle_that_knows_labels_only_calls_its_tags_by_them(folder) -> None:
    older = [{"name": tag.label, "audioset_id": tag.audioset_id} for tag in TAGS]
    edit(folder, "tags", older)
    edit(folder, "names", {})
    metadata = BundleMetadata.read(folder)
    assert metadata.tags == tuple(Tag(t.label, t.label, t.audioset_id) for t in TAGS)
    assert metadata.vocabulary.audioset_ids[0] == "/m/0bt9lr"


def test_tag_that_joins_a_vocabulary_is_called_by_its_label(folder) -> None:
    metadata = BundleMetadata.read(folder)
    larger = TagVocabulary((*metadata.vocabulary.names, "My door"))
    assert replace(metadata, vocabulary=larger).tags == (*TAGS, Tag("My door", "My door"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("label", "", "the label of a tag is empty"),
        ("name", " ", "the name of a tag is empty"),
        ("name", "Dog", "'Dog' and 'Bark' are both named 'Dog'"),
        ("name", "a\x1b[2Jb", "must be at most 200 printable characters"),
        ("name", "x" * 201, "must be at most 200 printable characters"),
        ("id", 7, "the id of a tag must be text"),
        ("family", ["Animal"], "the family of a tag must be text"),
        ("family", "x" * 201, "must be at most 200 printable characters"),
        ("parents", "Dog", "the parents of 'Bark' must be a list"),
        ("parents", [0], "a parent of 'Bark' must be text"),
        ("parents", ["Cat"], "'Bark' has the parent 'Cat', which is no tag"),
        ("parents", ["Bark"], "a tag is its own ancestor: 'Bark' > 'Bark'"),
        ("parents", ["Dog"] * (MOST_PARENTS + 1), "may have 16 parents, got 17"),
    ],
)
def test_tag_that_makes_no_sense_is_refused(folder, key, value, message) -> None:
    edit(folder, key, value, tag=1)
    with pytest.raises(BundleError, match=message):
        BundleMetadata.read(folder)


def test_tags_that_are_each_others_ancestors_are_refused(folder) -> None:
    edit(folder, "parents", ["Bark"], tag=0)
    with pytest.raises(BundleError, match=r"a tag is its own ancestor: '(Dog|Bark)' > "):
        BundleMetadata.read(folder)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "names must be an object"),
        ({"de": ["Hund"]}, "the names in 'de' must be an object"),
        ({"German": {}}, "a language must be a code such as 'de', got 'German'"),
        ({"de": {"Cat": "Katze"}}, "the names in 'de' hold 'Cat', which is no tag"),
        ({"de": {"Dog": ""}}, "a name in 'de' is empty"),
        ({"de": {"Dog": "\x07"}}, "must be at most 200 printable characters"),
        ({a + b: {} for a in "abc" for b in "abcdefghijklmnopqrstuvwxyz"}, "50 languages, got 78"),
    ],
)
def test_names_that_make_no_sense_are_refused(folder, names, message) -> None:
    edit(folder, "names", names)
    with pytest.raises(BundleError, match=message):
        BundleMetadata.read(folder)
