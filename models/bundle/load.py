"""Bundles: the modules of a model with their metadata, checked and ready to run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from earmark.models.config import BRANCH_NAMES, DEFAULT_PRECISION, Precision
from earmark.models.errors import BundleError
from earmark.models.runtimes.device import choose_device
from earmark.models.runtimes.protocol import Runtime
from earmark.models.taught.runtime import TaughtRuntime
from earmark.models.taught.tag import TaughtTag

from .metadata import PARTS, BundleMetadata, shipped_bundle
from .parts import check_weights, checksum_of, read_part
from .scripted import check_scripted
from .stored_module import StoredModule, read_module

if TYPE_CHECKING:
    from torch import Tensor

_HEAD_PART = "head.pt"


class LoadedBranch(Protocol):
    """A branch out of a bundle; the same calls as ``earmark.models.branch.Branch``."""

    block_samples: int

    def __call__(self, waveform: "Tensor") -> "tuple[Tensor, Tensor]":
        """Return embedding and logits of ``(batch, 16000)``."""

    def tokens(self, blocks: "Tensor") -> "Tensor":
        """Return ``(blocks, tokens of a block, features)`` of ``(blocks, block_samples)``."""

    def encode(self, tokens: "Tensor") -> "tuple[Tensor, Tensor]":
        """Return embedding and logits of ``(batch, n_tokens, features)``."""


class LoadedHead(Protocol):
    """A head out of a bundle; the same calls as ``earmark.models.heads.Head``."""

    def __call__(self, embeddings: "Tensor") -> "Tensor":
        """Return the combined logits of ``(batch, 256)``."""

    def subsets(self, embeddings: "Tensor") -> "Tensor":
        """Return the logits of each subset of the branches."""


@dataclass(frozen=True)
class BundlePart:
    """A module of a bundle, checked and not yet loaded by torch.

    Args:
        path: Where it was read.
        content: Of the file.
        stored: Its weights and settings, which are enough to compile it.
    """

    path: Path
    content: bytes
    stored: StoredModule


@dataclass(frozen=True)
class Bundle:
    """A model that is ready to run.

    Args:
        metadata: Tags, calibration, origin, measured quality.
        parts: By the names of their files.
        device: Where it runs.
        precision: That the processor computes in; elsewhere it is always float32.
        threads: Of the processor.
        taught: Tags of the user's own, the last of the vocabulary; branches and head do not know
            them, what runs the bundle does.
        checksum: SHA-256 of its ``bundle.json``, which holds those of its parts.
    """

    metadata: BundleMetadata
    parts: Mapping[str, BundlePart]
    device: str
    precision: Precision = DEFAULT_PRECISION
    threads: int = 1
    taught: tuple[TaughtTag, ...] = ()
    checksum: str = ""

    @cached_property
    def branches(self) -> Mapping[str, LoadedBranch]:
        """The branches as modules, by name and in the order of the head's input; imports torch.

        Raises:
            BundleError: If torch cannot load one of them.
        """
        return {name: cast("LoadedBranch", self._module(f"{name}.pt")) for name in BRANCH_NAMES}

    @cached_property
    def head(self) -> LoadedHead:
        """What combines their embeddings as a module; imports torch.

        Raises:
            BundleError: If torch cannot load it.
        """
        return cast("LoadedHead", self._module(_HEAD_PART))

    @cached_property
    def runtime(self) -> Runtime:
        """What runs it live and on files: compiled on the processor, its own modules elsewhere."""
        if not self.taught:
            return self._run_by(BRANCH_NAMES)
        n_tags = len(self.metadata.vocabulary) - len(self.taught)
        return TaughtRuntime(self.embedding_runtime(), n_tags, self.taught)

    def embedding_runtime(self) -> Runtime:
        """Return what runs it and gives the embeddings as well, behind the combined logits."""
        return self._run_by(BRANCH_NAMES, with_embeddings=True)

    def runtime_of(self, name: str) -> Runtime:
        """Return what runs one branch by itself, to see what it costs."""
        return self._run_by((name,), with_head=False)

    def _run_by(
        self, names: tuple[str, ...], *, with_head: bool = True, with_embeddings: bool = False
    ) -> Runtime:
        if self.device != "cpu":
            from earmark.models.runtimes.torch_runtime import TorchRuntime
            from earmark.models.taught.embedding_head import EmbeddingHead

            branches = {name: self.branches[name] for name in names}
            head = self.head if with_head else None
            joint = EmbeddingHead(head) if head is not None and with_embeddings else head
            return TorchRuntime(branches, joint, self.device)
        # Compiling takes most of a start, importing the compiler a part of it.
        from earmark.models.graphs.tagger import CompiledTagger

        try:
            return CompiledTagger(
                {name: self.parts[f"{name}.pt"].stored for name in names},
                self.parts[_HEAD_PART].stored if with_head else None,
                threads=self.threads,
                with_embeddings=with_embeddings,
                eight_bits=self.precision == "mixed",
            )
        except Exception as error:
            # Whatever a bundle lacks or has in another shape shows here: it is the bundle's fault.
            raise BundleError(
                f"the bundle {self.metadata.name} cannot be compiled ({type(error).__name__}: "
                f"{str(error).splitlines()[0] if str(error) else 'no reason'}); export it again"
            ) from error

    def _module(self, part: str) -> object:
        from .torchscript import load_module

        return load_module(self.parts[part].path, self.parts[part].content, self.device)


def load_bundle(
    folder: Path | None = None,
    *,
    device: str = "auto",
    precision: Precision = DEFAULT_PRECISION,
    threads: int = 0,
) -> Bundle:
    """Load a bundle, the shipped one by default.

    Every field, every checksum and what the archives hold is checked before a tensor is read:
    nothing of a bundle is unpickled by Python, and nothing in it can write to a file. On the
    processor it runs without torch, which is imported when modules are asked for.

    Args:
        folder: Of the bundle.
        device: ``auto`` (CUDA where there is one, else MPS, else the processor) or a name.
        precision: That the processor computes in.
        threads: Of the processor; 0: all of its cores.

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
    n_tags = len(metadata.vocabulary)
    return Bundle(
        metadata=metadata,
        parts={part: _checked(folder / part, contents[part], n_tags) for part in PARTS},
        device=where,
        precision=precision,
        threads=threads or os.cpu_count() or 1,
        checksum=checksum_of((folder / "bundle.json").read_bytes()),
    )


def _checked(path: Path, content: bytes, n_tags: int) -> BundlePart:
    try:
        stored = read_module(check_scripted(content))
    except ValueError as error:
        raise BundleError(f"{path} cannot be loaded: {error}; export the bundle again") from error
    check_weights(path, stored.state_dict(), n_tags)
    return BundlePart(path, content, stored)
