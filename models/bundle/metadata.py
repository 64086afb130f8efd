"""What a bundle says of itself: ``bundle.json``, written by the export, checked on loading."""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from earmark.models.calibration import Calibration
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import BundleError, JsonError
from earmark.models.json_files import object_of, read_object, reason_of, text_of
from earmark.models.tags import Tag, as_tables, from_tables, names_by_language
from earmark.models.timebase import FRAME_SAMPLES, SAMPLE_RATE, WINDOW_SAMPLES
from earmark.models.vocabulary import TagVocabulary

FORMAT_VERSION: Final = 1

#: The parts of a bundle beside ``bundle.json``.
PARTS: Final = tuple(f"{name}.pt" for name in (*BRANCH_NAMES, "head"))

#: The part that may be missing: sound that is not what is being taught.
BACKGROUND: Final = "background.npz"

#: Of one bundle.
MOST_TAGS: Final = 10_000


def shipped_bundle() -> Path:
    """Return the folder of the bundle that comes with Earmark."""
    return Path(__file__).parents[2] / "assets" / "earmark-base"


@dataclass(frozen=True)
class BundleMetadata:
    """The contract between whoever trained a model and whoever runs it.

    Args:
        name: Of the bundle.
        vocabulary: Tags in the order of the outputs.
        calibration: From logits to probabilities, and the thresholds.
        recipe: How it was trained, as nested plain values.
        sources: What it was trained on: the data set, its licences and their clip counts.
        metrics: How good it was measured to be, with the protocol.
        sha256: Checksum of each part.
        created: Date, ISO 8601.
        tags: Names, parents and families, by label; a tag of the vocabulary that is not among them
            is called by its label. Afterwards in the order of the vocabulary.
    """

    name: str
    vocabulary: TagVocabulary
    calibration: Calibration
    recipe: Mapping[str, object] = field(default_factory=dict)
    sources: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, object] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        described = {tag.label: tag for tag in self.tags}
        labels = zip(self.vocabulary.names, self.vocabulary.audioset_ids, strict=True)
        tags = tuple(described.get(label) or Tag(label, label, id_) for label, id_ in labels)
        object.__setattr__(self, "tags", tags)

    def as_table(self) -> dict[str, object]:
        """Return the contents of ``bundle.json``."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "created": self.created,
            "sample_rate": SAMPLE_RATE,
            "window_samples": WINDOW_SAMPLES,
            "frame_samples": FRAME_SAMPLES,
            "branches": list(BRANCH_NAMES),
            "tags": as_tables(self.tags),
            "names": names_by_language(self.tags),
            "calibration": self.calibration.as_table(),
            "metrics": dict(self.metrics),
            "sources": dict(self.sources),
            "recipe": dict(self.recipe),
            "sha256": dict(self.sha256),
        }

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check ``bundle.json``.

        Raises:
            BundleError: If it is missing, not JSON, of another version, rate, window or set of
                branches, or a field is missing or malformed.
        """
        path = folder / "bundle.json"
        if not path.is_file():
            raise BundleError(
                f"{folder} is no bundle: it has no bundle.json; give a folder that "
                "`earmark export` wrote"
            )
        try:
            table = read_object(path)
        except JsonError as error:
            raise BundleError(f"{error}; export the bundle again") from error
        _check_contract(path, table)
        try:
            return cls._from_table(table)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{path} is malformed: {reason_of(error)}; export the bundle again"
            ) from error

    @classmethod
    def _from_table(cls, table: dict[str, object]) -> Self:
        tables = _list_of_tables(table["tags"], "tags")
        if len(tables) > MOST_TAGS:
            raise ValueError(f"there may be {MOST_TAGS} tags, got {len(tables)}")
        tags = from_tables(tables, object_of(table.get("names", {}), "names"))
        metadata = cls(
            name=text_of(table["name"], "name"),
            created=text_of(table.get("created", ""), "created"),
            vocabulary=TagVocabulary(
                tuple(tag.label for tag in tags), tuple(tag.audioset_id for tag in tags)
            ),
            calibration=Calibration.from_table(object_of(table["calibration"], "calibration")),
            recipe=object_of(table["recipe"], "recipe"),
            sources=object_of(table["sources"], "sources"),
            metrics=object_of(table["metrics"], "metrics"),
            sha256=_checksums(object_of(table["sha256"], "sha256")),
            tags=tags,
        )
        n_calibrated = len(metadata.calibration.thresholds)
        if n_calibrated != len(metadata.vocabulary):
            raise ValueError(f"{len(metadata.vocabulary)} tags, but {n_calibrated} thresholds")
        return metadata


def _checksums(table: dict[str, object]) -> dict[str, str]:
    allowed = (*PARTS, BACKGROUND)
    for name, checksum in table.items():
        # A part is a file of the folder, known by its name: no path leads anywhere else.
        if name not in allowed:
            raise ValueError(f"sha256 names the part {name[:60]!r}; there may be {allowed}")
        if not isinstance(checksum, str) or not re.fullmatch("[0-9a-f]{64}", checksum):
            raise ValueError(f"sha256 of {name} must be 64 hexadecimal digits")
    if missing := sorted(set(PARTS) - set(table)):
        raise ValueError(f"sha256 of {missing[0]} is missing")
    return {name: str(checksum) for name, checksum in table.items()}


def _check_contract(path: Path, table: Mapping[str, object]) -> None:
    wanted: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "sample_rate": SAMPLE_RATE,
        "window_samples": WINDOW_SAMPLES,
        "frame_samples": FRAME_SAMPLES,
        "branches": list(BRANCH_NAMES),
    }
    for name, value in wanted.items():
        if table.get(name) != value:
            raise BundleError(
                f"{path}: {name} is {reprlib.repr(table.get(name))}, this version of Earmark needs "
                f"{value!r}; export the bundle again, or install the version that wrote it"
            )


def _list_of_tables(value: object, name: str) -> list[dict[str, object]]:
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list")
    return [object_of(item, name) for item in value]
