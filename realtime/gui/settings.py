"""Settings of the app, kept between runs: each field is checked by itself, none is trusted."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final, Self

from earmark.models.errors import JsonError
from earmark.models.json_files import read_object

THEMES: Final = ("dark", "light", "contrast")

#: Perceptually uniform, and told apart by colour-blind eyes.
COLOUR_MAPS: Final = ("viridis", "cividis", "magma", "inferno", "CET-L1")

DEVICES: Final = ("auto", "cpu", "cuda", "mps")

#: Smallest and largest value of each number.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "hop": (0.025, 1.0),
    "smoothing": (0.0, 10.0),
    "release": (0.05, 1.0),
    "minimum_duration": (0.0, 60.0),
    "merge_gap": (0.0, 60.0),
    "threshold": (0.01, 0.99),
    "font_size": (8, 28),
    "rows": (3, 10),
}

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "theme": THEMES,
    "colour_map": COLOUR_MAPS,
    "device": DEVICES,
    "record": ("session", "events"),
}


@dataclass(frozen=True)
class AppSettings:
    """What the app remembers.

    Args:
        hop: Seconds between windows.
        smoothing: Time constant of averaging (s).
        release: Share of its threshold at which an event ends.
        minimum_duration: Of an event (s).
        merge_gap: Events of a tag closer than this are one (s).
        threshold: For all tags; None: each tag's own, from the bundle.
        tag_thresholds: For single tags, before all others.
        pinned: Tags that are always shown.
        rows: Tags shown beside the pinned ones.
        theme: One of ``THEMES``.
        font_size: In points.
        colour_map: One of ``COLOUR_MAPS``.
        input_device: Microphone by its name; empty: the system's.
        output_device: Likewise, for playing.
        device: Where the model runs.
        bundle: Folder of a model; empty: the shipped one.
        record: What the record button records.
        recordings: Folder of recordings; empty: ``Earmark`` in the user's music.

    Raises:
        ValueError: If a value is out of range; the message names the field.
    """

    hop: float = 0.1
    smoothing: float = 0.2
    release: float = 0.7
    minimum_duration: float = 0.2
    merge_gap: float = 0.5
    threshold: float | None = None
    tag_thresholds: dict[str, float] = field(default_factory=dict)
    pinned: tuple[str, ...] = ()
    rows: int = 8
    theme: str = "dark"
    font_size: int = 11
    colour_map: str = "viridis"
    input_device: str = ""
    output_device: str = ""
    device: str = "auto"
    bundle: str = ""
    record: str = "session"
    recordings: str = ""

    def __post_init__(self) -> None:
        for one in fields(self):
            check(one.name, getattr(self, one.name))

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> tuple[Self, list[str]]:
        """Return settings from what was read, and what of it could not be used."""
        good: dict[str, object] = {}
        problems = []
        known = {one.name for one in fields(cls)}
        for name, value in table.items():
            if name not in known:
                continue
            if name == "pinned" and isinstance(value, list):
                value = tuple(value)
            try:
                check(name, value)
            except ValueError as error:
                problems.append(f"{error}; the default is used")
            else:
                good[name] = value
        return cls(**good), problems  # type: ignore[arg-type]  # each was checked


def check(name: str, value: object) -> None:
    """Make sure that a field may have a value.

    Raises:
        ValueError: If it may not.
    """
    if name == "threshold" and value is None:
        return
    if name in RANGES:
        low, high = RANGES[name]
        whole = name in ("font_size", "rows")
        is_number = isinstance(value, int if whole else (int, float)) and not isinstance(
            value, bool
        )
        if not is_number or not low <= value <= high:  # type: ignore[operator]
            raise ValueError(f"setting {name} must lie between {low} and {high}, got {value!r}")
    elif name in CHOICES:
        if value not in CHOICES[name]:
            allowed = ", ".join(CHOICES[name])
            raise ValueError(f"setting {name} must be one of {allowed}, got {value!r}")
    elif name == "tag_thresholds":
        if not isinstance(value, dict) or not all(
            isinstance(key, str) and isinstance(number, (int, float)) and 0 < number < 1
            for key, number in value.items()
        ):
            raise ValueError(f"setting {name} must map tags to numbers between 0 and 1")
    elif name == "pinned":
        if not isinstance(value, tuple) or not all(isinstance(tag, str) for tag in value):
            raise ValueError(f"setting {name} must be a list of tags, got {value!r}")
    elif not isinstance(value, str):
        raise ValueError(f"setting {name} must be text, got {value!r}")


def settings_path() -> Path:
    """Return where the settings are kept: ``$XDG_CONFIG_HOME/earmark/settings.json``."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "earmark" / "settings.json"


def load_settings(path: Path) -> tuple[AppSettings, list[str]]:
    """Return the settings, defaults where there are none, and what could not be used."""
    try:
        table = read_object(path)
    except FileNotFoundError:
        return AppSettings(), []
    except JsonError as error:
        return AppSettings(), [f"{error}; the defaults are used"]
    return AppSettings.from_table(table)


def save_settings(settings: AppSettings, path: Path) -> None:
    """Write the settings beside the old ones and put them in their place.

    Raises:
        OSError: If they cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".json.tmp")
    beside.write_text(json.dumps(asdict(settings), indent=1, ensure_ascii=False) + "\n", "utf-8")
    os.replace(beside, path)
