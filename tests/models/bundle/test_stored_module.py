"""What is read of a module without torch, and what is refused."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.models.bundle.load import Bundle
from earmark.models.bundle.metadata import PARTS, shipped_bundle
from earmark.models.bundle.scripted import check_scripted
from earmark.models.bundle.stored_module import StoredModule, read_module
from earmark.models.bundle.torchscript import script, torchscript


def read(path: Path) -> StoredModule:
    content = path.read_bytes()
    return read_module(check_scripted(content))


@pytest.mark.parametrize("part", PARTS)
def test_weights_are_the_ones_that_torch_reads(part) -> None:
    path = shipped_bundle() / part
    with torchscript():
        wanted = torch.jit.load(path).state_dict()
    found = read(path).state_dict()
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values.numpy())
        assert found[name].dtype == values.numpy().dtype


class Parent(torch.nn.Module):
    """Attributes of every kind that a graph is made from."""

    def __init__(self) -> None:
        super().__init__()
        self.child = torch.nn.Conv2d(2, 3, 5, stride=2)
        self.register_buffer("columns", torch.arange(6.0).view(2, 3).T)
        self.register_buffer("counts", torch.tensor(7))
        self.lengths = [3, 1, 2]
        self.floor = 1e-5
        self.is_wide = True
        self.note = "as it is"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.child(images) + self.floor


def test_settings_are_there_under_their_names(tmp_path) -> None:
    with torchscript():
        torch.jit.save(script(Parent()), tmp_path / "parent.pt")
    module = read(tmp_path / "parent.pt")
    assert (module.lengths, module.floor, module.is_wide, module.note) == (
        [3, 1, 2], 1e-5, True, "as it is",
    )  # fmt: skip
    assert [name for name, _ in module.named_children()] == ["child"]
    assert module.child.stride == (2, 2)
    assert module.columns.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert module.counts == 7
    assert module.child.weight.shape == (3, 2, 5, 5)
    with pytest.raises(AttributeError, match="no attribute 'height'"):
        _ = module.height


def test_weights_cannot_be_written_to(tiny_bundle: Bundle) -> None:
    weights = tiny_bundle.parts["head.pt"].stored.state_dict()["weight"]
    with pytest.raises(ValueError, match="read-only"):
        weights[:] = 0


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def module(*attributes: bytes, remembered: int | None = None) -> bytes:
    place = b"" if remembered is None else b"q" + bytes([remembered])
    return b"c__torch__.m\nM\n)\x81" + place + b"}(" + b"".join(attributes) + b"ub"


def tensor(
    offset: int, size: tuple[int, ...], stride: tuple[int, ...], storage: bytes | None = None
) -> bytes:
    if storage is None:
        names = text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
        storage = b"(" + names + integer(4) + b"tQ"
    shape = b"".join(b"(" + b"".join(map(integer, part)) + b"t" for part in (size, stride))
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(offset) + shape + hooks + b"tR"
    )


def archive_of(objects: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in (
            ("a/data.pkl", b"\x80\x02" + objects + b"."),
            ("a/constants.pkl", b"\x80\x02)."),
            ("a/data/0", np.arange(4, dtype="<f4").tobytes()),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return written.getvalue()


def read_objects(objects: bytes) -> StoredModule:
    content = archive_of(objects)
    return read_module(check_scripted(content))


@pytest.mark.parametrize(
    ("offset", "size", "stride", "wanted"),
    [
        (0, (4,), (1,), [0, 1, 2, 3]),
        (1, (2,), (2,), [1, 3]),
        (0, (2, 2), (1, 2), [[0, 2], [1, 3]]),
        (3, (), (), 3),
        (0, (0,), (1,), []),
        (0, (4,), (0,), [0, 0, 0, 0]),
    ],
)
def test_tensor_is_a_view_of_its_numbers(offset, size, stride, wanted) -> None:
    found = read_objects(module(text("weight"), tensor(offset, size, stride)))
    assert found.state_dict()["weight"].tolist() == wanted


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (5,), (1,)),
        (4, (), ()),
        (1, (4,), (1,)),
        (0, (2, 2), (3, 2)),
        (-1, (2,), (1,)),
        (3, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (100_000, 100_000), (0, 0)),
    ],
)
def test_tensor_beyond_its_numbers_is_refused(offset, size, stride) -> None:
    with pytest.raises(ValueError, match="reaches beyond its numbers"):
        read_objects(module(text("weight"), tensor(offset, size, stride)))


def test_view_of_a_view_is_refused_as_it_could_reach_beyond_its_numbers() -> None:
    last_one_four_times = tensor(3, (4,), (0,))
    objects = module(text("weight"), tensor(0, (4,), (1,), last_one_four_times))
    with pytest.raises(ValueError, match="a tensor has no numbers"):
        read_objects(objects)


def test_modules_that_multiply_are_refused() -> None:
    within_itself = module(text("again"), b"h\x01", remembered=1)
    with pytest.raises(ValueError, match="more than 2000 modules, or too deep"):
        read_objects(within_itself)
    parent = module(remembered=1)
    for level in range(2, 40):
        again = b"h" + bytes([level - 1])
        parent = module(text("a"), parent, text("b"), again, remembered=level)
    with pytest.raises(ValueError, match="more than 2000 modules, or too deep"):
        read_objects(parent)


@pytest.mark.parametrize("name", ["state_dict", "add", "_values", "__class__"])
def test_attribute_hides_none_that_a_module_has_by_itself(name) -> None:
    found = read_objects(module(text(name), integer(1), text("weight"), tensor(0, (4,), (1,))))
    assert list(found.state_dict()) == ["weight"]
    assert isinstance(found, StoredModule)


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        (integer(5), "they are no module"),
        (module(integer(5), integer(5)), "attributes without names"),
        (b"(" + module() + b"t", "they are no module"),
        (b"c__torch__.m\nM\n}b", "given to what has none"),
        (tensor(0, (4,), (1,)) + b"}b", "given to what has none"),
        (b"}" + b"(" + text("a") + b"u", "cannot be put together"),
        (b"](" + text("a") + b"u", "finds no dict"),
        (b"}(" + text("a") + b"e", "finds no list"),
        (b"", "cannot be put together"),
    ],
)
def test_objects_that_are_no_module_are_refused(objects, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        read_objects(objects)


def test_attributes_that_are_taken_again_and_again_are_refused() -> None:
    many = b"}q\x01(" + b"".join(text(str(i)) + b"N" for i in range(1_000)) + b"u"
    takers = b"".join(b"c__torch__.m\nM\n)\x81h\x01b" for _ in range(100))
    with pytest.raises(ValueError, match="more attributes than were written"):
        read_objects(b"(" + many + takers + b"t")


def test_more_modules_than_a_bundle_has_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 2000 modules"):
        read_objects(b"(" + b"c__torch__.m\nM\n)\x81" * 2_001 + b"t")


def test_python_is_asked_for_nothing_by_its_name() -> None:
    for called in (b"c__torch__.m\nM\n", b"ctorch\nFloatStorage\n", b"N"):
        with pytest.raises(ValueError, match="cannot be put together"):
            read_objects(called + b")R")
