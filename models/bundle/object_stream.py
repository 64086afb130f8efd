"""The objects of a TorchScript archive: the few kinds of a pickle's steps that torch writes.

They are done here one by one, so that nothing of Python's can be called or made by a stream.

Source: ``pickletools``, and ``torch/csrc/jit/serialization/pickler.cpp`` for the steps in use.
"""

import pickletools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

#: Steps that remember an object, and that take it again.
PUTS: Final = {"BINPUT", "LONG_BINPUT"}
GETS: Final = {"BINGET", "LONG_BINGET"}

#: Steps that bring a whole number.
INTEGERS: Final = {"BININT", "BININT1", "BININT2", "LONG1"}

_VALUES: Final = {"BINUNICODE", "BINFLOAT", *INTEGERS}
_CONSTANTS: Final = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None}
_TUPLES: Final = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Named:
    """A class or a function by its name, as ``module name``; nothing stands behind it."""

    name: str


class Maker(Protocol):
    """What gives a stream's names their meaning."""

    def new(self, named: Named) -> object:
        """Return an object of a class, without attributes."""

    def fill(self, made: Any, attributes: Mapping[str, object]) -> None:
        """Give it attributes."""

    def called(self, named: Named, arguments: tuple[Any, ...]) -> object:
        """Return what a function returns."""

    def stored(self, found: tuple[Any, ...]) -> object:
        """Return what stands for numbers that lie outside of the stream."""


def read_stream(stream: bytes, maker: Maker) -> object:
    """Return the object that a stream describes.

    Args:
        stream: A pickle of protocol 2.
        maker: Gives names a meaning.

    Raises:
        ValueError: If a step is not one of torch's, or the stream is broken; other exceptions if
            steps find what they cannot be done with.
    """
    return _Stack(maker, room=len(stream)).run(stream)


class _Stack:
    """Objects that are waiting to become part of others.

    Args:
        maker: Gives names a meaning.
        room: Attributes that all objects together may have: each takes some bytes to write, and
            only one that is taken again and again could make more.
    """

    def __init__(self, maker: Maker, *, room: int) -> None:
        self._maker = maker
        self._room = room
        self._objects: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[object, Any] = {}

    def run(self, stream: bytes) -> object:
        for opcode, argument, _ in pickletools.genops(stream):
            kind = opcode.name
            if kind in PUTS:
                self._memory[argument] = self._objects[-1]
            elif kind in GETS:
                self._objects.append(self._memory[argument])
            elif kind in _VALUES:
                self._objects.append(argument)
            elif kind in _CONSTANTS:
                self._objects.append(_CONSTANTS[kind])
            elif kind in _TUPLES:
                self._objects.append(tuple(self._popped(_TUPLES[kind])))
            elif kind == "MARK":
                self._marks.append(len(self._objects))
            elif kind not in ("PROTO", "STOP"):
                self._do(kind, argument)
        (found,) = self._objects
        return found

    def _do(self, kind: str, argument: Any) -> None:
        match kind:
            case "EMPTY_LIST":
                self._objects.append([])
            case "EMPTY_DICT":
                self._objects.append({})
            case "TUPLE":
                self._objects.append(tuple(self._since_mark()))
            case "GLOBAL":
                self._objects.append(Named(argument))
            case "APPEND" | "APPENDS":
                values = self._popped(1) if kind == "APPEND" else self._since_mark()
                self._last(list).extend(values)
            case "SETITEM" | "SETITEMS":
                values = self._popped(2) if kind == "SETITEM" else self._since_mark()
                self._last(dict).update(zip(values[::2], values[1::2], strict=True))
            case "NEWOBJ":
                named, _ = self._popped(2)
                self._objects.append(self._maker.new(named))
            case "BUILD":
                (attributes,) = self._popped(1)
                self._build(attributes)
            case "REDUCE":
                named, arguments = self._popped(2)
                self._objects.append(self._maker.called(named, arguments))
            case "BINPERSID":
                self._objects.append(self._maker.stored(self._objects.pop()))
            case _:
                raise ValueError(f"{kind} is no step that torch writes")

    def _build(self, attributes: Mapping[str, object]) -> None:
        if not isinstance(attributes, dict) or not all(isinstance(n, str) for n in attributes):
            raise ValueError("there are attributes without names")
        self._room -= len(attributes)
        if self._room < 0:
            raise ValueError("there are more attributes than were written")
        self._maker.fill(self._objects[-1], attributes)

    def _popped(self, count: int) -> list[Any]:
        if count > len(self._objects):
            raise ValueError("a step finds too few objects")
        found = self._objects[len(self._objects) - count :]
        del self._objects[len(self._objects) - count :]
        return found

    def _since_mark(self) -> list[Any]:
        return self._popped(len(self._objects) - self._marks.pop())

    def _last(self, kind: type) -> Any:
        if not isinstance(self._objects[-1], kind):
            raise ValueError(f"a step finds no {kind.__name__}")  # noqa: TRY004 - a broken file
        return self._objects[-1]
