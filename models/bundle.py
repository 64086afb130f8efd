"""Bundles: TorchScript modules with their metadata. Only this file saves and loads torch.jit."""

import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from .config import BRANCH_NAMES, DEFAULT_PRECISION, Precision
from .errors import BundleError
from .metadata import PARTS, BundleMetadata, shipped_bundle
from .parts import check_weights, checksum_of, read_part
from .runtime import Runtime, TorchHead, TorchRuntime
from .scripted import check_scripted
from .tagger import Tagger
from .taught.runtime import EmbeddingHead, TaughtRuntime
from .taught.tag import TaughtTag
from .timebase import WINDOW_SAMPLES

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


class LoadedBranch(Protocol):
    """A branch out of a bundle; the same calls as ``earmark.models.branches.Branch``."""

    block_samples: int

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the weights by name."""

    def __call__(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Return embedding and logits of ``(batch, 16000)``."""

    def tokens(self, blocks: Tensor) -> Tensor:
        """Return ``(blocks, tokens of a block, features)`` of ``(blocks, block_samples)``."""

    def encode(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return embedding and logits of ``(batch, n_tokens, features)``."""


class LoadedHead(Protocol):
    """A head out of a bundle; the same calls as ``earmark.models.head.Head``."""

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Return the combined logits of ``(batch, 256)``."""

    def subsets(self, embeddings: Tensor) -> Tensor:
        """Return the logits of each subset of the branches."""


@dataclass(frozen=True)
class Bundle:
    """A model that is ready to run.

    Args:
        metadata: Tags, calibration, origin, measured quality.
        branches: By name, in the order of the head's input.
        head: Combines their embeddings.
        device: Where all of them live.
        precision: That the processor computes in; elsewhere it is always float32.
        taught: Tags of the user's own, the last of the vocabulary; branches and head do not know
            them, what runs the bundle does.
        checksum: SHA-256 of its ``bundle.json``, which holds those of its parts.

    On the processor it runs on as many threads as torch had when ``runtime`` was first asked for.
    """

    metadata: BundleMetadata
    branches: Mapping[str, LoadedBranch]
    head: LoadedHead
    device: torch.device
    precision: Precision = DEFAULT_PRECISION
    taught: tuple[TaughtTag, ...] = ()
    checksum: str = ""

    @cached_property
    def runtime(self) -> Runtime:
        """What runs it live and on files: compiled on the processor, its own modules elsewhere."""
        if not self.taught:
            return self._run_by(self.branches, self.head)
        n_tags = len(self.metadata.vocabulary) - len(self.taught)
        return TaughtRuntime(self.embedding_runtime(), n_tags, self.taught)

    def embedding_runtime(self) -> Runtime:
        """Return what runs it and gives the embeddings as well, behind the combined logits."""
        return self._run_by(self.branches, EmbeddingHead(self.head))

    def runtime_of(self, name: str) -> Runtime:
        """Return what runs one branch by itself, to see what it costs."""
        return self._run_by({name: self.branches[name]}, None)

    def _run_by(self, branches: Mapping[str, LoadedBranch], head: TorchHead | None) -> Runtime:
        if self.device.type != "cpu":
            return TorchRuntime(branches, head, self.device)
        # Compiling takes most of a second, importing the compiler a part of it.
        from .compiled.tagger import CompiledTagger

        try:
            return CompiledTagger(
                branches,
                head,
                threads=torch.get_num_threads(),
                eight_bits=self.precision == "mixed",
            )
        except Exception as error:
            # Whatever a bundle lacks or has in another shape shows here: it is the bundle's fault.
            raise BundleError(
                f"the bundle {self.metadata.name} cannot be compiled ({type(error).__name__}: "
                f"{str(error).splitlines()[0] if str(error) else 'no reason'}); export it again"
            ) from error


def choose_device(asked: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        BundleError: If the device asked for is not there.
    """
    has = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        asked = next(name for name, is_there in has.items() if is_there)
    if asked not in has:
        raise BundleError(f"unknown device {asked!r}; give auto, cpu, cuda or mps")
    if not has[asked]:
        raise BundleError(f"no {asked} device is available here; use --device cpu or auto")
    return torch.device(asked)


def load_bundle(
    folder: Path | None = None, *, device: str = "auto", precision: Precision = DEFAULT_PRECISION
) -> Bundle:
    """Load a bundle, the shipped one by default.

    Every field, every checksum and what the archives hold is checked before a tensor is read.
    TorchScript modules are read by torch's own archive reader: nothing of a bundle is unpickled by
    Python, and nothing in it can write to a file.

    Args:
        folder: Of the bundle.
        device: ``auto`` (CUDA where there is one, else MPS, else the processor) or a name.
        precision: That the processor computes in.

    Raises:
        BundleError: If the bundle is missing, broken, altered, or of another version or rate.
    """
    folder = shipped_bundle() if folder is None else folder
    if not folder.is_dir():
        raise BundleError(f"there is no bundle {folder}; give a folder that `earmark export` wrote")
    metadata = BundleMetadata.read(folder)
    where = choose_device(device)
    # Checked and loaded are the same bytes, whatever happens to the files meanwhile.
    contents = {part: read_part(folder, part, metadata) for part in PARTS}
    for part, content in contents.items():
        _check_part(folder / part, content)
    n_tags = len(metadata.vocabulary)
    modules = {
        part: _load_module(folder / part, contents.pop(part), where, n_tags) for part in PARTS
    }
    return Bundle(
        metadata=metadata,
        branches={name: cast("LoadedBranch", modules[f"{name}.pt"]) for name in BRANCH_NAMES},
        head=cast("LoadedHead", modules["head.pt"]),
        device=where,
        precision=precision,
        checksum=checksum_of((folder / "bundle.json").read_bytes()),
    )


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


def _check_part(path: Path, content: bytes) -> None:
    try:
        check_scripted(content)
    except ValueError as error:
        raise BundleError(f"{path} cannot be loaded: {error}; export the bundle again") from error


def _load_module(
    path: Path, content: bytes, device: torch.device, n_tags: int
) -> torch.jit.ScriptModule:
    try:
        with torchscript():
            module = torch.jit.load(io.BytesIO(content), map_location=device)
    except RuntimeError as error:
        first_line = next(iter(str(error).strip().splitlines()), "torch gives no reason")
        raise BundleError(
            f"{path} cannot be loaded: {first_line}; export the bundle again"
        ) from error
    check_weights(path, module.state_dict(), n_tags)
    return cast("torch.jit.ScriptModule", module.eval())
