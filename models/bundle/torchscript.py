"""TorchScript: modules to files and back. Only this file knows ``torch.jit``."""

import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import nn

from earmark.models.errors import BundleError
from earmark.models.tagger import Tagger
from earmark.models.timebase import WINDOW_SAMPLES

from .metadata import BundleMetadata
from .parts import checksum_of

# TorchScript is deprecated in favour of torch.export, and says so at each call. It stays the format
# of a bundle: it runs without the code that made it, on every supported Python and torch.
_DEPRECATION = r"`torch\.jit\.\w+` is (deprecated|not supported)"


@contextmanager
def torchscript() -> Iterator[None]:
    """Silence TorchScript's deprecation, and nothing else, while it is being used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _DEPRECATION, DeprecationWarning)
        yield


def script(module: nn.Module) -> torch.jit.ScriptModule:
    """Return a module as TorchScript."""
    with torchscript():
        return cast("torch.jit.ScriptModule", torch.jit.script(module))


def load_module(path: Path, content: bytes, device: str) -> torch.jit.ScriptModule:
    """Return the module of a part, ready to run.

    Args:
        path: Of the part, for messages.
        content: Checked by ``earmark.models.bundle.scripted.check_scripted``.
        device: Where it is to live.

    Raises:
        BundleError: If torch cannot read it.
    """
    try:
        with torchscript():
            module = torch.jit.load(io.BytesIO(content), map_location=device)
    except RuntimeError as error:
        first_line = next(iter(str(error).strip().splitlines()), "torch gives no reason")
        raise BundleError(
            f"{path} cannot be loaded: {first_line}; export the bundle again"
        ) from error
    return cast("torch.jit.ScriptModule", module.eval())


def save_bundle(tagger: Tagger, metadata: BundleMetadata, folder: Path) -> float:
    """Script a tagger and write it as a bundle.

    Args:
        tagger: In evaluation mode, on the processor.
        metadata: Its checksums are filled in.
        folder: Made where it does not exist; must be empty or hold a bundle.

    Returns:
        The largest difference between scripted and eager logits on noise at several levels.

    Raises:
        BundleError: If the folder holds something else, or scripted and eager disagree by more
            than 1e-5.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / "bundle.json").is_file():
        raise BundleError(f"{folder} is not empty and holds no bundle; give another folder")
    parts: dict[str, nn.Module] = {f"{name}.pt": b for name, b in tagger.branches.items()}
    parts["head.pt"] = tagger.head
    scripted = {name: script(module) for name, module in parts.items()}
    difference = _largest_difference(tagger, scripted)
    if not difference <= 1e-5:
        raise BundleError(f"scripted and eager outputs differ by {difference:.1e}, more than 1e-5")
    for name, module in scripted.items():
        beside = folder / f"{name}.tmp"
        with torchscript():
            torch.jit.save(module, str(beside))
        os.replace(beside, folder / name)
    checked = replace(
        metadata, sha256={name: checksum_of((folder / name).read_bytes()) for name in parts}
    )
    beside = folder / "bundle.json.tmp"
    text = json.dumps(checked.as_table(), indent=1, ensure_ascii=False)
    beside.write_text(text + "\n", encoding="utf-8")
    os.replace(beside, folder / "bundle.json")
    return difference


@torch.inference_mode()
def _largest_difference(tagger: Tagger, scripted: Mapping[str, nn.Module]) -> float:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4, WINDOW_SAMPLES, generator=generator)
    windows = noise * torch.tensor([0.0, 1e-3, 0.1, 1.0])[:, None]
    differences, embeddings = [], []
    for name, branch in tagger.branches.items():
        embedding, logits = branch(windows)
        scripted_embedding, scripted_logits = scripted[f"{name}.pt"](windows)
        differences += [embedding - scripted_embedding, logits - scripted_logits]
        embeddings.append(embedding)
    joint = torch.cat(embeddings, dim=1)
    differences.append(tagger.head(joint) - scripted["head.pt"](joint))
    return max(float(difference.abs().max()) for difference in differences)
