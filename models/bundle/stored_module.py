"""Modules out of TorchScript archives as plain objects: their weights and settings, without torch.

Importing torch takes longer than all else that a start consists of, and what is compiled for the
processor asks a module for nothing but numbers.
"""

import ast
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from .archives import read_entry
from .object_stream import Named, read_stream
from .scripted import STORAGES, CheckedArchive

#: Modules within a module, and how deep they may lie; the largest shipped part has 193, 5 deep.
MOST_MODULES: Final = 2_000
_MOST_LEVELS: Final = 50

_OBJECTS: Final = "data.pkl"
_ORDERS: Final = {b"little": "<", b"big": ">"}

_Array = NDArray[Any]


class StoredModule:
    """A module that cannot be run, with the attributes and submodules that it was stored with.

    It is asked in the way of a ``torch.nn.Module``: ``module.layers``, ``named_children()``,
    ``state_dict()``.

    Args:
        values: Its attributes by their names; more may be added.
    """

    def __init__(self, values: dict[str, object]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        values = vars(self).get("_values", {})
        if name not in values:
            raise AttributeError(f"the stored module has no attribute {name!r}")
        return values[name]

    def add(self, attributes: Mapping[str, object]) -> None:
        """Give it more attributes."""
        self._values.update(attributes)

    def named_children(self) -> Iterator[tuple[str, "StoredModule"]]:
        """Give the submodules with their names."""
        for name, value in self._values.items():
            if isinstance(value, StoredModule):
                yield name, value

    def state_dict(self) -> dict[str, _Array]:
        """Return the weights of this module and of all within, by dotted names."""
        found = {n: value for n, value in self._values.items() if isinstance(value, np.ndarray)}
        for name, child in self.named_children():
            found.update({f"{name}.{key}": values for key, values in child.state_dict().items()})
        return found


def read_module(checked: CheckedArchive) -> StoredModule:
    """Return the module that an archive holds; its weights cannot be written to.

    Args:
        checked: What ``earmark.models.bundle.scripted.check_scripted`` let pass.

    Raises:
        ValueError: If its objects are not those of a module.
    """
    archive = checked.archive
    objects = next(e for e in archive.infolist() if e.filename.endswith(f"/{_OBJECTS}"))
    stream = read_entry(archive, objects)
    try:
        maker = _Maker(archive, objects.filename.removesuffix(_OBJECTS), checked.code)
        return _checked_tree(read_stream(stream, maker))
    # Whatever may be wrong with a stream that somebody else wrote shows as any exception.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"its objects cannot be put together: {reason[:200]}") from error


@dataclass(frozen=True)
class _Storage:
    """Numbers that tensors are views of; a tensor, which may be a view of fewer, is none."""

    numbers: _Array


class _Maker:
    """Makes stored modules, tensors and lists of what a stream names."""

    def __init__(self, archive: ZipFile, folder: str, code: Mapping[str, ast.Module]) -> None:
        self._archive = archive
        self._folder = folder
        self._code = {
            f"{_module_of(path)} {node.name}": node
            for path, module in code.items()
            for node in module.body
            if isinstance(node, ast.ClassDef)
        }
        self._constants: dict[str, dict[str, object]] = {}
        self._storages: dict[str, _Storage] = {}
        self._n_modules = 0
        has_order = f"{folder}byteorder" in archive.namelist()
        self._order = _ORDERS[self._entry("byteorder")] if has_order else "<"

    def new(self, named: Named) -> StoredModule:
        """Return a module of a class without attributes."""
        self._n_modules += 1
        if self._n_modules > MOST_MODULES:
            raise ValueError(f"there are more than {MOST_MODULES} modules")
        if named.name not in self._constants:
            self._constants[named.name] = _constants(self._code.get(named.name))
        return StoredModule(dict(self._constants[named.name]))

    def fill(self, made: Any, attributes: Mapping[str, object]) -> None:
        """Give a module attributes."""
        if not isinstance(made, StoredModule):
            raise ValueError("attributes are given to what has none")  # noqa: TRY004
        made.add(attributes)

    def called(self, named: Named, arguments: tuple[Any, ...]) -> object:
        """Return what a function of torch's would return."""
        if named.name == "torch._utils _rebuild_tensor_v2":
            return _tensor(*arguments)
        if named.name == "collections OrderedDict":
            return {}
        if not named.name.startswith("torch.jit._pickle build_"):
            raise ValueError(f"{named.name} is called")
        (values,) = arguments
        return values

    def stored(self, found: tuple[Any, ...]) -> "_Storage":
        """Return numbers; tensors that share them in the archive share them here too."""
        _, kind, entry, _, _ = found
        if entry not in self._storages:
            dtype = self._order + STORAGES[kind.name]
            self._storages[entry] = _Storage(np.frombuffer(self._entry(f"data/{entry}"), dtype))
        return self._storages[entry]

    def _entry(self, name: str) -> bytes:
        return read_entry(self._archive, self._archive.getinfo(self._folder + name))


def _module_of(path: str) -> str:
    """Return the name of the module whose code lies at ``archive/code/a/b.py``: ``a.b``."""
    return ".".join(path.removesuffix(".py").split("/")[2:])


def _tensor(
    storage: object, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Array:
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor has no numbers")  # noqa: TRY004 - a broken file
    numbers = storage.numbers
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    # No more numbers than there are: with steps of 0 a single one would make any count.
    if min((offset, *size, *stride)) < 0 or last >= len(numbers) or math.prod(size) > len(numbers):
        raise ValueError("a tensor reaches beyond its numbers")
    steps = [step * numbers.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps, writeable=False)


def _checked_tree(module: object) -> StoredModule:
    """Make sure that modules lie in each other like the branches of a tree of bearable size."""
    if not isinstance(module, StoredModule):
        raise ValueError("they are no module")  # noqa: TRY004 - a broken file, no wrong call
    count = 0
    waiting = [(module, 0)]
    while waiting:
        parent, level = waiting.pop()
        count += 1
        if count > MOST_MODULES or level > _MOST_LEVELS:
            raise ValueError(
                f"there are more than {MOST_MODULES} modules, or too deep in each other"
            )
        waiting += [(child, level + 1) for _, child in parent.named_children()]
    return module


def _constants(code: ast.ClassDef | None) -> dict[str, object]:
    """Return what a class says in lines like ``stride : Final[Tuple[int, int]] = (1, 1)``."""
    found = {}
    for line in [] if code is None else code.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value:
            # What is no plain value is nothing that a graph is made from.
            with suppress(ValueError):
                found[line.target.id] = ast.literal_eval(line.value)
    return found
