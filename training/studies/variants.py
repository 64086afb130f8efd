"""Recipes that differ from another one in one thing, so that it can be told what that is worth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from earmark.models.timebase import CHUNKS_PER_WINDOW

from ..recipe import Recipe

# What a recipe may do without, each by itself: setting of a stage -> value that switches it off.
_OFF: Mapping[str, tuple[str, float | bool]] = {
    "mixup": ("no mixing of two windows", 0.0),
    "mix_sounds": ("features mixed, not sounds", False),
    "gain_db": ("no random gain", 0.0),
    "filter_db": ("no random equalizer", 0.0),
    "background": ("no sound underneath", 0.0),
    "masking": ("nothing masked", 0.0),
    "balance": ("rare tags drawn as often as they come", 0.0),
    "average_decay": ("weights not averaged", 0.0),
    "deep_supervision": ("no linear classifier beside", 0.0),
    "distillation": ("targets without a teacher's", 0.0),
    "regularization": ("embedding not drawn to a teacher's", 0.0),
}

_OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "loss": {"huber": "Huber loss", "bce": "binary cross-entropy"},
    "regularizer": {
        "distance_correlation": "drawn to the teacher by distance correlation",
        "cosine_difference": "drawn to the teacher by cosine distances",
        "projection": "drawn to the teacher by a linear map",
    },
}

_SIZES: Mapping[str, dict[str, Any]] = {
    "heads of 6": {"head_dim": 6},
    "heads of 8": {"head_dim": 8},
    "half as wide": {"d_model": 32},
    "twice as wide": {"d_model": 128},
    "half as deep": {"n_layers": 3},
}

# Of the MobileNet, which the neuralogram begins with.
_MOBILENET: Mapping[str, dict[str, Any]] = {
    "MobileNet: nothing masked": {"masking": 0.0},
    "MobileNet: learned from whole windows": {"image_chunks": CHUNKS_PER_WINDOW},
}

_SHARES = {"half of the recordings": 0.5, "a quarter of the recordings": 0.25}


@dataclass(frozen=True)
class Variant:
    """A recipe and what is other about it.

    Args:
        name: Of the difference; empty for the recipe itself.
        recipe: To train.
    """

    name: str
    recipe: Recipe


def variants(recipe: Recipe, stage: str) -> Iterator[Variant]:
    """Give a recipe itself, with another seed, and with one thing changed at a time.

    What the recipe does not do is not switched off.

    Args:
        recipe: To differ from.
        stage: Whose settings are changed.
    """
    yield Variant("", recipe)
    yield Variant("another seed", replace(recipe, seed=recipe.seed + 1))
    settings = recipe.stages[stage]
    for setting, (name, value) in _OFF.items():
        if getattr(settings, setting):
            yield Variant(name, _with(recipe, stage, {setting: value}))
    if recipe.data.negatives:
        data = replace(recipe.data, negatives=0)
        yield Variant("no made-up silence and noise", replace(recipe, data=data))
    for setting, choices in _OTHERWISE.items():
        if setting == "regularizer" and not settings.regularization:
            continue
        for choice, name in choices.items():
            if choice != getattr(settings, setting):
                yield Variant(name, _with(recipe, stage, {setting: choice}))
    if stage == "neuralogram":
        for name, changes in _MOBILENET.items():
            yield Variant(name, _with(recipe, "mobilenet", changes))
    for name, changes in _SIZES.items():
        encoder = replace(recipe.model.encoder, **changes)
        yield Variant(name, replace(recipe, model=replace(recipe.model, encoder=encoder)))
    for name, share in _SHARES.items():
        yield Variant(name, replace(recipe, data=replace(recipe.data, share=share)))


def _with(recipe: Recipe, stage: str, changes: dict[str, Any]) -> Recipe:
    changed = replace(recipe.stages[stage], **changes)
    return replace(recipe, stages={**recipe.stages, stage: changed})
