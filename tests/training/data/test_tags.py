import csv
from collections import Counter
from pathlib import Path

import pytest

from earmark.models.errors import CorpusError
from earmark.models.tags import FAMILIES, Tag
from earmark.models.vocabulary import TagVocabulary
from earmark.training.data.tags import LANGUAGES, TagTable, propagate, read_tag_table

HEADER = "label,id,name,parents,family,de,fr,es,nl"
GOOD = "Animal,/m/0jbk,Animal,,Animal,Tier,,,"


@pytest.fixture(scope="module")
def table() -> TagTable:
    return read_tag_table()


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "tags.csv"
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


def column(path: Path, name: str) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Livestock_and_farm_animals_and_working_animals", "Farm animal"),
        ("Wind_instrument_and_woodwind_instrument", "Wind instrument"),
        ("Domestic_sounds_and_home_sounds", "Household"),
        ("Bird_vocalization_and_bird_call_and_bird_song", "Bird song"),
        ("Fixed-wing_aircraft_and_airplane", "Airplane"),
        ("Vehicle_horn_and_car_horn_and_honking", "Car horn"),
        ("Applause", "Applause"),
        ("Crowing, cock-a-doodle-doo", "Rooster"),
    ],
)
def test_tags_are_called_as_people_say_them(table, label, name) -> None:
    assert table.tags[label].name == name


def test_names_are_in_sentence_case_and_made_of_words(table) -> None:
    for tag in table.tags.values():
        assert tag.name[0].isupper()
        assert tag.name.replace(" ", "").replace("-", "").replace("'", "").isalpha()


def test_no_id_belongs_to_two_tags(table) -> None:
    ids = Counter(tag.audioset_id for tag in table.tags.values() if tag.audioset_id)
    assert max(ids.values()) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_tags_are_shown_by_one_name_in_any_language(table, language) -> None:
    shown = Counter(
        tag.translations.get(language, tag.name).casefold() for tag in table.tags.values()
    )
    assert max(shown.values()) == 1


def test_every_family_has_tags(table) -> None:
    assert {tag.family for tag in table.tags.values()} == set(FAMILIES)


@pytest.mark.parametrize(
    ("label", "ancestors"),
    [
        ("Bark", {"Dog", "Domestic_animals_and_pets", "Animal"}),
        ("Doorbell", {"Door", "Domestic_sounds_and_home_sounds", "Alarm"}),
        ("Growling", {"Animal"}),  # a dog's, a cat's or a lion's
        ("Hiss", set()),  # a cat's, a snake's or steam's
        ("Music", set()),
        ("a label of one's own", set()),
    ],
)
def test_closure_is_all_that_a_sound_always_is_as_well(table, label, ancestors) -> None:
    assert set(table.closure(label)) == ancestors
    assert label not in table.closure(label)


def test_no_parent_is_said_by_another_parent_already(table) -> None:
    for tag in table.tags.values():
        above = {ancestor for parent in tag.parents for ancestor in table.closure(parent)}
        assert not above & set(tag.parents), tag.label


def test_labels_imply_their_ancestors_once() -> None:
    parents = {"Bark": ["Dog"], "Dog": ["Domestic", "Animal"], "Domestic": ["Animal"]}
    assert propagate(["Bark", "Siren"], parents) == ("Bark", "Siren", "Dog", "Domestic", "Animal")
    assert propagate(propagate(["Bark"], parents), parents) == propagate(["Bark"], parents)


def test_ontology_with_a_circle_ends() -> None:
    assert propagate(["a"], {"a": ["b"], "b": ["a"]}) == ("a", "b")


def test_ids_of_labels_are_known_and_others_empty(table) -> None:
    assert table.audioset_ids(["Bark", "not a label"]) == ("/m/05tny_", "")


def test_parents_skip_what_a_vocabulary_does_not_have(table) -> None:
    tags = table.described(TagVocabulary(("Animal", "Bark", "Jet engine", "Engine", "Vehicle")))
    parents = {tag.label: tag.parents for tag in tags}
    assert parents["Bark"] == ("Animal",)
    assert set(parents["Jet engine"]) == {"Engine", "Vehicle"}


def test_parent_that_another_one_implies_is_left_out(table) -> None:
    kept = ("Cowbell", "Percussion", "Musical_instrument", "Music")
    (cowbell, *_) = table.described(TagVocabulary(kept))
    assert cowbell.parents == ("Percussion",)


def test_label_of_ones_own_is_its_own_name_and_has_no_parents(table) -> None:
    vocabulary = TagVocabulary(("my dog", "Dog"), ("", "/m/0bt9lr"))
    assert table.described(vocabulary)[0] == Tag("my dog", "my dog")


def test_label_of_ones_own_keeps_a_name_that_the_table_has_given(table) -> None:
    kept = ("Airplane", "Fixed-wing_aircraft_and_airplane")
    tags = table.described(TagVocabulary(kept))
    assert tuple(tag.name for tag in tags) == kept


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((GOOD, GOOD), "line 3: the label 'Animal' is that of line 2"),
        ((GOOD, "Beast,,animal,,Animal,,,,"), "line 3: the name 'animal' is that of line 2"),
        ((GOOD, "Beast,,Beast,,Beasts,,,,"), "line 3: the family 'Beasts' of 'Beast' must be one"),
        ((GOOD, "Cow,,Cow,Cattle,Animal,,,,"), "line 3: the parent 'Cattle' of 'Cow' is no label"),
        (("A,,A,B,Noise,,,,", "B,,B,A,Noise,,,,"), "a tag is its own ancestor: '[AB]' > '[AB]'"),
        ((f"A,,{'a' * 23},,Noise,,,,",), "line 2: name may have 22 characters, but 'a+' has 23"),
        ((f"A,,A,,Noise,,,,{'a' * 27}",), "line 2: nl may have 26 characters, but 'a+' has 27"),
        (("A,,A,,Noise, Ton,,,",), "line 2: de must be printable, without spaces .* got ' Ton'"),
        (("A,,A\x1b[2J,,Noise,,,,",), r"line 2: name must be printable, .* got 'A\\x1b\[2J'"),
        (("A,,,,Noise,,,,",), "line 2: name is empty"),
        ((GOOD, "A,,A"), r"line 3: 9 columns expected, got \['A', '', 'A'\]"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_line(tmp_path, lines, message) -> None:
    with pytest.raises(CorpusError, match=message):
        read_tag_table(written(tmp_path, *lines))


def test_table_without_its_columns_is_refused(tmp_path) -> None:
    path = tmp_path / "tags.csv"
    path.write_text("label,name\nDog,Dog\n")
    with pytest.raises(CorpusError, match="line 1: the columns must be label, id, name"):
        read_tag_table(path)
    with pytest.raises(CorpusError, match="there is no table of tags"):
        read_tag_table(tmp_path / "none.csv")


def test_every_label_and_class_of_the_recordings_is_in_the_table(table, shared_data) -> None:
    for name in ("corpus.csv", "soundfont_labels.csv", "soundfont_drum_labels.csv"):
        cells = column(shared_data / name, "labels" if name == "corpus.csv" else "tags")
        assert {label for cell in cells for label in cell.split(";") if label} <= set(table.tags)
    labels = column(shared_data / "fsd50k_vocabulary.csv", "label")
    ids = column(shared_data / "fsd50k_vocabulary.csv", "mid")
    found = table.audioset_ids(labels)
    assert set(labels) <= set(table.tags)
    # The vocabulary lacks one id that AudioSet has.
    assert {i for i, j in zip(found, ids, strict=True) if i != j} == {"/m/04brg2"}
    by_id = {tag.audioset_id for tag in table.tags.values()}
    assert set(column(shared_data / "audioset_classes.csv", "mid")) <= by_id


def test_recordings_carry_the_parents_of_their_labels(table, shared_data) -> None:
    clips = [cell.split(";") for cell in column(shared_data / "corpus.csv", "labels")]
    carried = {label for labels in clips for label in labels}
    missing = {
        (label, parent)
        for labels in clips
        for label in labels
        for parent in table.tags[label].parents
        if parent in carried and parent not in labels
    }
    # There it is marked where nothing closer is: on people drinking.
    assert {parent for _, parent in missing} == {"Human sounds"}
