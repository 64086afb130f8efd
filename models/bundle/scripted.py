"""What a TorchScript archive may hold, checked before anything of it is read.

torch's reader calls nothing of Python. But TorchScript can write files (``aten::save``), part of it
runs while it is read, and an archive may state more numbers than it has: torch would hand out
whatever lies behind them in memory. Both are refused here.
"""

import ast
import pickletools
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zipfile import ZipFile

import numpy as np

from .archives import open_archive, read_entry
from .object_stream import GETS, INTEGERS, PUTS

#: Names by which TorchScript reaches files or classes that are not in the archive, or runs while
#: it is read.
FORBIDDEN: Final = frozenset(
    {"save", "from_file", "load_tensor", "classes", "__getstate__", "__setstate__"}
)

#: Of code and objects together, without the tensors' numbers; the largest shipped part has 0.1 MB.
MOST_BYTES: Final = 4 * 2**20

#: The operators that Earmark's modules are made of. None of them sees more than tensors.
OPERATORS: Final = {
    "__and__", "__contains__", "__is__", "__isnot__", "__not__", "__or__", "abs", "add", "add_",
    "amax", "append", "batch_norm", "cat", "clamp", "contiguous", "conv1d", "conv2d", "dim",
    "div", "div_", "dropout", "dropout_", "einsum", "eq", "flatten", "floordiv", "format", "ge",
    "gelu", "gt", "hardtanh", "hardtanh_", "kthvalue", "layer_norm", "le", "len", "linear",
    "list", "log", "log10", "log1p", "lt", "matmul", "max", "max_pool1d", "maximum", "mean",
    "min", "mul", "ne", "neg", "pad", "permute", "pow", "relu", "relu_", "remainder", "reshape",
    "select", "size", "slice", "softmax", "split", "sqrt", "squeeze", "stack", "stft", "sub",
    "sub_", "sum", "to", "transpose", "unfold", "unsqueeze", "view", "warn",
    "prim.RaiseException", "prim.dtype", "prim.min", "prim.max", "prim.device",
}  # fmt: skip

_FUNCTIONS: Final = {
    "annotate", "getattr", "isinstance", "range", "unchecked_cast", "uninitialized",
}  # fmt: skip
_LOCAL = re.compile(r"_\d+")

_ENTRIES = re.compile(
    r"[^/]+/(data\.pkl|constants\.pkl|version|byteorder|\.data/(version|serialization_id)|"
    r"(data|constants)/\d+|code/__torch__(/\w+)*\.py(\.debug_pkl)?)"
)

#: How the numbers of tensors lie there, as numpy names it.
STORAGES: Final = {
    "torch FloatStorage": "f4", "torch DoubleStorage": "f8", "torch HalfStorage": "f2",
    "torch LongStorage": "i8", "torch IntStorage": "i4", "torch BoolStorage": "?",
}  # fmt: skip
_NUMBER_BYTES: Final = {name: np.dtype(kind).itemsize for name, kind in STORAGES.items()}
_GLOBALS: Final = {
    "torch._utils _rebuild_tensor_v2", "collections OrderedDict", "torch.jit._pickle build_intlist",
    "torch.jit._pickle build_doublelist", "torch.jit._pickle build_boollist",
    "torch.jit._pickle build_tensorlist", *STORAGES,
}  # fmt: skip
_OPCODES: Final = {
    "PROTO", "GLOBAL", "EMPTY_TUPLE", "NEWOBJ", "EMPTY_DICT", "EMPTY_LIST", "MARK", "BINUNICODE",
    "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPERSID", "NEWTRUE", "NEWFALSE", "NONE", "REDUCE",
    "SETITEMS", "SETITEM", "APPENDS", "APPEND", "BUILD", "BINFLOAT", "STOP",
    *INTEGERS, *PUTS, *GETS,
}  # fmt: skip


@dataclass(frozen=True)
class CheckedArchive:
    """An archive that was found to hold tensors, and code that computes with them.

    Args:
        archive: Its entries.
        code: What those that are code say, by their names.
    """

    archive: ZipFile
    code: Mapping[str, ast.Module]


def check_scripted(content: bytes) -> CheckedArchive:
    """Make sure that an archive holds tensors and code that computes with them, nothing else.

    Args:
        content: Of the whole file.

    Raises:
        ValueError: If it is no archive of that kind; the message says what is wrong with it.
    """
    archive = open_archive(content)
    for entry in archive.infolist():
        if not _ENTRIES.fullmatch(entry.filename):
            raise ValueError(f"TorchScript has no entry {entry.filename[:80]!r}")
    names = {entry.filename.split("/", 1)[1] for entry in archive.infolist()}
    if missing := sorted({"data.pkl", "constants.pkl"} - names):
        raise ValueError(f"it is no TorchScript: it has no {missing[0]}")
    if len(names) < len(archive.infolist()):
        raise ValueError("it holds two archives in one")
    described = [e for e in archive.infolist() if e.filename.endswith((".py", ".pkl"))]
    if (size := sum(entry.file_size for entry in described)) > MOST_BYTES:
        raise ValueError(
            f"its code and objects have {size} bytes, and may have {MOST_BYTES >> 20} MB"
        )
    code = {}
    for entry in described:
        if entry.filename.endswith(".py"):
            code[entry.filename] = _checked_code(read_entry(archive, entry))
        else:
            _check_objects(read_entry(archive, entry), archive, entry.filename.removesuffix(".pkl"))
    return CheckedArchive(archive, code)


def _checked_code(source: bytes) -> ast.Module:
    try:
        tree = ast.parse(source)
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"its code cannot be parsed ({type(error).__name__})") from error
    for node in nodes:
        named = _name_of(node)
        if named in FORBIDDEN:
            raise ValueError(f"its code names {named!r}, which reaches beyond tensors")
        if isinstance(node, ast.Attribute):
            _check_operator(node)
        if isinstance(node, ast.Call):
            _check_call(node)
    return tree


def _name_of(node: ast.AST) -> object:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    return getattr(node, "name", None)


def _check_operator(attribute: ast.Attribute) -> None:
    names = [attribute.attr]
    inner = attribute.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    root = inner.id if isinstance(inner, ast.Name) else ""
    operator = ".".join(reversed(names))
    is_part = (root, operator) == ("ops", "prim")
    if root in ("torch", "ops") and not is_part and operator not in OPERATORS:
        raise ValueError(f"its code uses the operator {operator[:60]!r}, which no bundle needs")


def _check_call(call: ast.Call) -> None:
    called = call.func
    if isinstance(called, ast.Name):
        is_known = called.id in _FUNCTIONS or _LOCAL.fullmatch(called.id) is not None
    else:
        is_known = isinstance(called, ast.Attribute)
    if not is_known:
        raise ValueError(f"its code calls {ast.unparse(called)[:80]}, which no bundle needs")


def _check_objects(stream: bytes, archive: ZipFile, folder: str) -> None:
    """Check the types that a stream of objects names, and the size of each of its tensors.

    A tensor's numbers are named by the tuple ("storage", type, entry, device, count).
    """
    memo: dict[int, object] = {}
    # What was pushed, without what was only remembered.
    before: deque[tuple[str, object]] = deque([("", None)], maxlen=5)
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    for opcode, argument, _ in pickletools.genops(stream):
        kind = opcode.name
        if kind not in _OPCODES:
            raise ValueError(f"its objects use {kind}, which TorchScript does not")
        if kind in PUTS:
            memo[int(str(argument))] = before[-1][1] if before[-1][0] == "GLOBAL" else None
            continue
        if kind == "GLOBAL" and not _is_known(str(argument)):
            raise ValueError(f"its objects name {str(argument)[:80]!r}, which no bundle needs")
        if kind == "BINPERSID":
            _check_storage(list(before), memo, sizes, folder)
        before.append((kind, argument))


def _is_known(name: str) -> bool:
    return name in _GLOBALS or (
        name.startswith("__torch__.") and not FORBIDDEN & set(re.split(r"[. ]", name))
    )


def _check_storage(
    pushed: list[tuple[str, object]], memo: dict[int, object], sizes: dict[str, int], folder: str
) -> None:
    kinds = [kind for kind, _ in pushed]
    if (
        len(pushed) < 5
        or kinds[0] not in {"GLOBAL", *GETS}
        or kinds[1] != "BINUNICODE"
        or kinds[2] not in {"BINUNICODE", *GETS}
        or kinds[3] not in INTEGERS
        or kinds[4] != "TUPLE"
    ):
        raise ValueError("its objects name a tensor in a way that torch does not write")
    (type_kind, type_name), (_, entry), _, (_, count), _ = pushed
    if type_kind != "GLOBAL":
        type_name = memo.get(int(str(type_name)))
    stated = int(str(count)) * _NUMBER_BYTES.get(str(type_name), 0)
    found = sizes.get(f"{folder}/{entry}", 0)
    if stated != found:
        raise ValueError(f"its tensor {str(entry)[:20]!r} states {stated} bytes, and has {found}")
