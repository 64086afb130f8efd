"""One stage of training: batches in, averaged weights out, resumable after every epoch."""

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..recipe import StageSettings
from .curves import CurveWriter

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Batch = tuple[Tensor, Tensor]
Epoch = Callable[[np.random.Generator], Iterator[Batch]]
Validate = Callable[[nn.Module], dict[str, float]]
LossOf = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class Stage:
    """What a stage learns from.

    Args:
        name: Of the stage; its files carry it.
        module: ``forward(inputs) -> output``; parameters without gradient stay as they are.
        epoch: Gives the batches of one epoch from a generator of random numbers.
        batches_per_epoch: How many these are.
        loss: Of the module's output, beside what it should have been.
        validate: Measures the (averaged) module; the figures go to the curves.
        settings: Epochs, rates and the rest.
    """

    name: str
    module: nn.Module
    epoch: Epoch
    batches_per_epoch: int
    loss: LossOf
    validate: Validate
    settings: StageSettings


def fit(
    stage: Stage,
    *,
    fabric: "Fabric",
    folder: Path,
    seed: int,
    report: Callable[[str], None],
) -> nn.Module:
    """Train a stage, or the rest of it where a checkpoint is found, and return what it learned.

    Args:
        stage: What to train, on what.
        fabric: Device, precision and number of processes.
        folder: Where ``<stage>.ckpt`` and ``<stage>.csv`` are kept.
        seed: Same seed, same machine: same weights, whether interrupted or not.
        report: Told one line after each epoch.

    Returns:
        The module with averaged weights, in evaluation mode.
    """
    settings = stage.settings
    torch.manual_seed(seed)
    trained = [p for p in stage.module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    module, optimizer = fabric.setup(stage.module, optimizer)
    average = copy.deepcopy(stage.module).requires_grad_(requires_grad=False)
    checkpoint = folder / f"{stage.name}.ckpt"
    first = 0
    if checkpoint.is_file():
        first = _load(checkpoint, module, average, optimizer, fabric)
    total_steps = settings.epochs * stage.batches_per_epoch
    curves = CurveWriter(folder / f"{stage.name}.csv", keep_epochs=first)
    for epoch in range(first, settings.epochs):
        began = time.perf_counter()
        generator = np.random.default_rng([seed, epoch])
        module.train()
        losses = []
        for i, (inputs, targets) in enumerate(stage.epoch(generator)):
            step = epoch * stage.batches_per_epoch + i
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total_steps, settings)
            output = module(fabric.to_device(inputs))
            loss = stage.loss(output, fabric.to_device(targets))
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            _update_average(average, stage.module, settings.average_decay, step)
            losses.append(loss.detach())
        average.eval()
        figures = {
            "loss": float(torch.stack(losses).mean()),
            **stage.validate(average),
            "seconds": time.perf_counter() - began,
        }
        if fabric.is_global_zero:
            curves.write(epoch, figures)
            _save(checkpoint, module, average, optimizer, epoch + 1)
        told = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        report(f"{stage.name} {epoch + 1}/{settings.epochs}  {told}")
    return average.eval()


def learning_rate(step: int, total_steps: int, settings: StageSettings) -> float:
    """Return the rate of a step: a linear rise, then half a cosine down to the final rate.

    After each restart that the settings name it begins anew.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).
    """
    starts = [total_steps * epoch // settings.epochs for epoch in (0, *settings.restarts)]
    begun = max(start for start in starts if start <= step)
    total_steps = min((s for s in starts if s > step), default=total_steps) - begun
    step -= begun
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, total_steps - settings.warmup_steps)
    low = settings.final_learning_rate
    return low + (settings.learning_rate - low) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


@torch.no_grad()
def _update_average(average: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    # A young average follows fast, so that the random start is forgotten.
    kept = min(decay, (1 + step) / (10 + step)) if decay else 0.0
    for old, new in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - kept)
        else:
            old.copy_(new)


def _save(
    path: Path, module: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, done: int
) -> None:
    state = {
        "module": module.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epochs_done": done,
        "random_state": torch.get_rng_state(),
    }
    # Written beside and renamed: an interruption leaves the last whole checkpoint.
    beside = path.with_suffix(".tmp")
    torch.save(state, beside)
    os.replace(beside, path)


def _load(
    path: Path,
    module: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    fabric: "Fabric",
) -> int:
    state = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(state["module"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random_state"])
    average.to(fabric.device)
    return int(state["epochs_done"])
