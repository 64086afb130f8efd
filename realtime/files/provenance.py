"""What made the records: written beside them, so that archives can be told apart years later."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Self

from earmark.models.bundle.load import Bundle
from earmark.models.timebase import samples_to_seconds

from .record_maker import RecordOptions


@dataclass(frozen=True)
class Provenance:
    """What made the records of a run.

    Args:
        version: Of Earmark; empty where it runs without being installed.
        kind: Of the records.
        bundle: Name of the bundle.
        bundle_sha256: Of its ``bundle.json``, which holds the checksums of its parts.
        taught: Names of the user's own tags, and when each was taught.
        hop: Seconds between windows.
        precision: That it was computed in.
        thresholds: Probability from which on each tag counted for events.
        events: What else counted as an event.
        listed: Which tags the records of windows and clips list.
    """

    version: str
    kind: str
    bundle: str
    bundle_sha256: str
    taught: Mapping[str, str]
    hop: float
    precision: str
    thresholds: Mapping[str, float]
    events: Mapping[str, float]
    listed: Mapping[str, object]

    @classmethod
    def of(cls, bundle: Bundle, options: RecordOptions) -> Self:
        """Return the provenance of what a bundle makes with options."""
        metadata, choice = bundle.metadata, options.choice
        names = metadata.vocabulary.names
        on_processor = bundle.device == "cpu"
        return cls(
            version=installed_version(),
            kind=options.kind,
            bundle=metadata.name,
            bundle_sha256=bundle.checksum,
            taught={tag.name: tag.created for tag in bundle.taught},
            hop=samples_to_seconds(options.hop_samples),
            precision=bundle.precision if on_processor else "float32",
            thresholds={
                name: round(float(value), 6)
                for name, value in zip(names, options.thresholds, strict=True)
                if value <= 1  # beyond it: a tag that was not asked for
            },
            events=asdict(options.settings),
            listed={"top": choice.top, "threshold": choice.threshold, "every": choice.every},
        )

    def as_text(self) -> dict[str, str]:
        """Return ``earmark.NAME`` for each field, as text; what is no plain value is JSON."""
        return {
            f"earmark.{name}": value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
            for name, value in asdict(self).items()
        }


def installed_version() -> str:
    """Return the version of Earmark, empty where it runs without being installed."""
    try:
        return version("earmark")
    except PackageNotFoundError:
        return ""
