import json

import pytest

from earmark.__main__ import main
from earmark.models.bundle.metadata import BundleMetadata, shipped_bundle


@pytest.fixture
def listed(capsys) -> list[dict[str, object]]:
    assert main(["tags", "--format", "json"]) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


def test_programs_get_every_tag_in_the_order_of_the_outputs(listed) -> None:
    metadata = BundleMetadata.read(shipped_bundle())
    assert [row["label"] for row in listed] == list(metadata.vocabulary)
    thresholds = [row["threshold"] for row in listed]
    assert thresholds == pytest.approx(metadata.calibration.thresholds.tolist(), abs=1e-4)


def test_a_tag_says_its_names_its_id_its_parents_and_how_well_it_is_heard(listed) -> None:
    (horn,) = [row for row in listed if row["label"] == "Vehicle_horn_and_car_horn_and_honking"]
    assert horn["name"] == "Car horn"
    assert str(horn["id"]).startswith("/m/")
    assert "Alarm" in horn["parents"]
    assert 0.5 < horn["average_precision"] <= 1
    (unmeasured,) = [row for row in listed if row["label"] == "Toothbrush"]
    assert unmeasured["average_precision"] is None


def test_parents_are_tags_of_the_bundle(listed) -> None:
    labels = {row["label"] for row in listed}
    assert {parent for row in listed for parent in row["parents"]} <= labels


def test_names_of_the_shipped_tags_fit_a_row_and_are_told_apart(listed) -> None:
    names = [str(row["name"]) for row in listed]
    assert max(map(len, names)) <= 22
    assert len({name.casefold() for name in names}) == len(names)


def test_people_get_them_by_family(capsys) -> None:
    assert main(["tags"]) == 0
    lines = capsys.readouterr().out.splitlines()
    bark = next(i for i, line in enumerate(lines) if line.split()[:1] == ["Bark"])
    heading = next(line for line in reversed(lines[:bark]) if not line.startswith(" "))
    assert heading == "Animal"
    assert lines[-1].startswith("131 tags")


def test_bundles_without_names_are_listed_by_their_labels(tiny_bundle_folder, capsys) -> None:
    assert main(["tags", str(tiny_bundle_folder)]) == 0
    text = capsys.readouterr().out
    assert "Others" in text
    assert "5 tags" in text
