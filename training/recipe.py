"""A recipe: everything that decides what a training run gives, read from one TOML file."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, get_args

from earmark.models.config import (
    EncoderConfig,
    HeadConfig,
    HeadKind,
    NeuralogramConfig,
    PitchConfig,
    TaggerConfig,
    TimbreConfig,
    WaveformConfig,
)
from earmark.models.errors import EarmarkError
from earmark.models.timebase import CHUNKS_PER_WINDOW

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Loss = Literal["bce", "huber"]

#: How a student's embeddings are drawn toward a teacher's.
Regularizer = Literal["distance_correlation", "cosine_difference", "projection"]

_Settings = TypeVar("_Settings", bound="DataclassInstance")

#: What is trained, in this order: each stage needs only the ones before it.
STAGES: Final = ("mobilenet", "pitch", "timbre", "waveform", "neuralogram", "joint", "head")

# Those that a recipe leaves out where it has no table for them.
_OPTIONAL_STAGES: Final = ("joint",)

RECIPES_FOLDER: Final = Path(__file__).parent / "recipes"


class RecipeError(EarmarkError):
    """A recipe names a setting that does not exist, or gives one an impossible value."""


@dataclass(frozen=True)
class DataSettings:
    """Which clips are learned from."""

    test_folds: tuple[str, ...] = ("5",)  # never trained, chosen or calibrated on
    validation_folds: tuple[str, ...] = ()  # empty: a share of the training clips instead
    validation_share: float = 0.1  # of the training clips, whole recordings at a time
    minimum_clips: int = 8  # a tag needs as many training clips
    stated_licence_only: bool = True
    share: float = 1.0  # of the recordings that are left to learn from
    all_tags: bool = False  # beside labels: what teachers agree on, and FSD50K's vocabulary
    negatives: int = 0  # made-up clips of silence, hum and faint noise, which carry no tag


@dataclass(frozen=True)
class MixtureSettings:
    """Changed sound that is made once, with the teachers' opinion, for all stages to learn from.

    Shares lie between 0 and 1.
    """

    windows: int = 0  # of one second each; 0: clips are learned from as they are
    head_windows: int = 8_192  # further ones, that the head alone learns from
    calibration_windows: int = 4_096  # of sound that is held out
    pool_share: float = 0.35  # of the sounds, from recordings that nobody has labelled
    untagged_share: float = 0.08  # of the sounds, from recordings without tags
    balance: float = 0.7  # 0: each recording as often; 1: each tag as often
    belief: float = 0.5  # share in the targets of what is known of the recordings, beside the sound
    mixed: float = 0.4  # share with a second sound; of these as many have a third
    speed: float = 0.4  # share that is played faster or slower
    filtered: float = 0.75  # strength of the equalizer, beside 8 dB
    room: float = 0.25  # share of the sounds that are heard in a room
    noise: float = 0.3  # share with steady noise
    band: float = 0.1  # share heard through a telephone or small loudspeaker
    codec: float = 0.05  # share that went through MP3 or Vorbis
    level: float = 0.5  # share whose level is set anew


@dataclass(frozen=True)
class StageSettings:
    """How one stage is trained."""

    epochs: int = 300
    windows_per_epoch: int = 0  # 0: as many as there are seconds of sound
    batch_size: int = 64
    learning_rate: float = 2e-4
    final_learning_rate: float = 1e-6
    warmup_steps: int = 0
    restarts: tuple[int, ...] = ()  # after so many epochs the learning rate begins anew
    weight_decay: float = 0.0
    loss: Loss = "huber"
    mixup: float = 0.0  # alpha of the Beta distribution; 0: none
    mix_sounds: bool = False  # sounds are mixed, not the tokens a frozen front end makes of them
    gain_db: float = 0.0  # random gain between minus and plus this
    filter_db: float = 0.0  # random equalizer, up to this much either way
    background: float = 0.0  # share of the windows with a sound without tags underneath
    masking: float = 0.0  # share of the tokens, or of the MobileNet's images, that is hidden
    image_chunks: int = 1  # of a window, that the MobileNet learns from as one image
    balance: float = 0.0  # 0: each second as often; 1: each tag as often
    untagged_share: float = 0.0  # of the windows, drawn from clips without tags; 0: as they come
    average_decay: float = 0.0  # of the exponential average of the weights; 0: none
    dropout: float = 0.0  # on the input of the head, the encoder has its own
    deep_supervision: float = 0.0  # weight of a linear classifier on the embedding itself
    distillation: float = 0.0  # share of the teacher's probabilities in the targets
    regularization: float = 0.0  # lambda of the embedding's distance from the teacher's
    regularizer: Regularizer = "distance_correlation"


@dataclass(frozen=True)
class Recipe:
    """A named set of settings; stages not named in the file take the defaults of ``[training]``.

    The stage ``joint`` is left out where it is not named.
    """

    name: str
    seed: int = 1
    data: DataSettings = field(default_factory=DataSettings)
    model: TaggerConfig = field(default_factory=TaggerConfig)
    mixtures: MixtureSettings = field(default_factory=MixtureSettings)
    stages: dict[str, StageSettings] = field(default_factory=dict)

    @classmethod
    def read(cls, name_or_path: str) -> Self:
        """Read a shipped recipe by name or any recipe by path.

        Raises:
            RecipeError: If there is no such recipe, or it is not a valid one.
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = RECIPES_FOLDER / f"{name_or_path}.toml"
        if not path.is_file():
            shipped = ", ".join(sorted(p.stem for p in RECIPES_FOLDER.glob("*.toml")))
            raise RecipeError(
                f"there is no recipe {name_or_path!r}; give one of {shipped}, "
                "or the path of a .toml file"
            )
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecipeError(f"{path} is not valid TOML: {error}") from error
        return cls.from_table(path.stem, table)

    @classmethod
    def from_table(cls, name: str, table: dict[str, object]) -> Self:
        """Build a recipe from a parsed TOML table.

        Raises:
            RecipeError: If a setting is unknown or of the wrong type; the message names it.
        """
        known = {"seed", "data", "model", "mixtures", "training", "stage"}
        if unknown := sorted(set(table) - known):
            raise RecipeError(
                f"recipe {name}: unknown table {unknown[0]!r}; known are {sorted(known)}"
            )
        shared = _table(name, table, "training")
        per_stage = _table(name, table, "stage")
        if unknown := sorted(set(per_stage) - set(STAGES)):
            raise RecipeError(f"recipe {name}: unknown stage {unknown[0]!r}; stages are {STAGES}")
        stages = {
            stage: _build(
                StageSettings, {**shared, **_table(name, per_stage, stage)}, f"{name}: {stage}"
            )
            for stage in STAGES
            if stage in per_stage or stage not in _OPTIONAL_STAGES
        }
        chunks = stages["mobilenet"].image_chunks
        if not chunks or CHUNKS_PER_WINDOW % chunks:
            raise RecipeError(
                f"{name}: mobilenet: image_chunks must divide the {CHUNKS_PER_WINDOW} chunks of a "
                f"window, got {chunks}"
            )
        seed = table.get("seed", 1)
        if not isinstance(seed, int):
            raise RecipeError(f"recipe {name}: seed must be a whole number, got {seed!r}")
        model = _table(name, table, "model")
        parts = {
            "encoder": EncoderConfig,
            "pitch": PitchConfig,
            "timbre": TimbreConfig,
            "waveform": WaveformConfig,
            "neuralogram": NeuralogramConfig,
            "head": HeadConfig,
        }
        if unknown := sorted(set(model) - set(parts)):
            raise RecipeError(
                f"recipe {name}: unknown model part {unknown[0]!r}; parts are {sorted(parts)}"
            )
        built: dict[str, Any] = {
            part: _build(kind, _table(name, model, part), f"{name}: model.{part}")
            for part, kind in parts.items()
        }
        data = _build(DataSettings, _table(name, table, "data"), f"{name}: data")
        if not 0 < data.share <= 1:
            raise RecipeError(
                f"{name}: data.share must lie above 0 and not above 1, got {data.share:g}"
            )
        if not 0 < data.validation_share < 1:
            raise RecipeError(
                f"{name}: data.validation_share must lie between 0 and 1, got "
                f"{data.validation_share:g}"
            )
        return cls(
            name=name,
            seed=seed,
            data=data,
            model=dataclasses.replace(TaggerConfig(), **built),
            mixtures=_build(MixtureSettings, _table(name, table, "mixtures"), f"{name}: mixtures"),
            stages=stages,
        )

    @classmethod
    def from_saved(cls, table: Mapping[str, Any]) -> Self:
        """Build a recipe from what ``as_table`` gave, in a run or a bundle.

        Raises:
            RecipeError: If it was written by another version.
        """
        parts = {key: table.get(key, {}) for key in ("data", "model", "mixtures")}
        saved = {"seed": table.get("seed", 1), "stage": table.get("stages", {}), **parts}
        return cls.from_table(str(table.get("name", "")), saved)

    @property
    def needs_teacher(self) -> bool:
        """Whether some stage learns from a teacher's outputs."""
        return not self.mixtures.windows and any(
            s.distillation or s.regularization for s in self.stages.values()
        )

    @property
    def track(self) -> str:
        """What was learned from besides the corpus, for reports and bundles."""
        if self.mixtures.windows:
            return "with teachers, and a pool without labels"
        return "with a teacher" if self.needs_teacher else "from scratch on the corpus only"

    def as_table(self) -> dict[str, object]:
        """Return the recipe as nested dictionaries of plain values."""
        return dataclasses.asdict(self)


def _table(name: str, table: dict[str, object], key: str) -> dict[str, object]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise RecipeError(f"recipe {name}: [{key}] must be a table, got {value!r}")
    return value


def _build(kind: type[_Settings], values: dict[str, object], where: str) -> _Settings:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    if unknown := sorted(set(values) - set(fields)):
        raise RecipeError(f"{where}: unknown setting {unknown[0]!r}; known are {', '.join(fields)}")
    checked = {key: _checked(fields[key], value, where) for key, value in values.items()}
    return kind(**checked)


def _checked(setting: "dataclasses.Field[object]", value: object, where: str) -> object:
    if setting.type in (Loss, Regularizer, HeadKind):
        allowed = get_args(setting.type)
        if value not in allowed:
            raise RecipeError(f"{where}: {setting.name} must be one of {allowed}, got {value!r}")
        return value
    wanted = type(setting.default)
    if wanted is tuple and isinstance(value, list | tuple):
        if get_args(setting.type)[0] is str:
            return tuple(str(item) for item in value)
        if any(type(item) is not int or item < 1 for item in value):
            raise RecipeError(
                f"{where}: {setting.name} must be a list of whole numbers from 1 on, got {value!r}"
            )
        return tuple(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not wanted:
        raise RecipeError(
            f"{where}: {setting.name} must be of type {wanted.__name__}, got {value!r}"
        )
    if isinstance(value, int | float) and value < 0:
        raise RecipeError(f"{where}: {setting.name} must not be negative, got {value!r}")
    return value
