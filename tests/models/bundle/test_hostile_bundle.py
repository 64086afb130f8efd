"""Bundles as somebody with bad intentions would write them, with checksums that are right."""

import hashlib
import io
import json
import os
import pickle
import re
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.models.bundle.background import (
    BACKGROUND,
    Background,
    read_background,
    save_background,
)
from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.bundle.scripted import FORBIDDEN
from earmark.models.bundle.torchscript import save_bundle, torchscript
from earmark.models.calibration import Calibration
from earmark.models.config import HeadConfig, NeuralogramConfig, TaggerConfig, WaveformConfig
from earmark.models.errors import BundleError
from earmark.models.tagger import build_tagger
from earmark.models.vocabulary import TagVocabulary

Edit = Callable[[str, bytes], bytes | None]
HEAD_CODE = "code/__torch__/earmark/models/heads.py"


@pytest.fixture
def folder(tiny_bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle_folder, tmp_path / "bundle"))


def replace_part(folder: Path, part: str, content: bytes) -> None:
    (folder / part).write_bytes(content)
    table = json.loads((folder / "bundle.json").read_text())
    table["sha256"][part] = hashlib.sha256(content).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(table))


def archive_of(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return written.getvalue()


def edit_head(folder: Path, edit: Edit) -> None:
    """Rewrite the entries of the head; an edit gives new contents, or None to leave one out."""
    archive = zipfile.ZipFile(folder / "head.pt")
    edited = [(name, edit(name, archive.read(name))) for name in archive.namelist()]
    replace_part(folder, "head.pt", archive_of(*((n, c) for n, c in edited if c is not None)))


def replacing(ending: str, old: bytes, new: bytes) -> Edit:
    def edit(name: str, content: bytes) -> bytes:
        if not name.endswith(ending):
            return content
        assert old in content
        return content.replace(old, new)

    return edit


def refusal(folder: Path) -> str:
    """Return the one line with which a bundle is refused."""
    with pytest.raises(BundleError) as caught:
        load_bundle(folder, device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1_000
    assert "head.pt" in message or "bundle.json" in message
    return message


class Touch:
    """An object that makes a file when Python unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


def test_rewritten_archive_still_loads(folder) -> None:
    edit_head(folder, lambda name, content: content)
    load_bundle(folder, device="cpu")


@pytest.mark.parametrize("kind", ["linear", "stacked"])
def test_all_that_can_be_configured_is_made_of_allowed_operators(kind, tmp_path) -> None:
    config = TaggerConfig(
        head=HeadConfig(kind=kind),
        waveform=WaveformConfig(n_filters=8, filter_samples=201, log_compression=False),
        neuralogram=NeuralogramConfig(width=0.0625),
    )
    tagger = build_tagger(config, 3).eval()
    metadata = BundleMetadata("other", TagVocabulary(("a", "b", "c")), Calibration.neutral(3))
    save_bundle(tagger, metadata, tmp_path / "other")
    load_bundle(tmp_path / "other", device="cpu")


def test_operators_that_know_files_are_forbidden() -> None:
    reaching = {
        str(schema.name).split("::")[-1].split(".")[0]
        for schema in torch._C._jit_get_all_schemas()
        for argument in schema.arguments
        if argument.name in ("filename", "path", "file") and str(argument.type) == "str"
    }
    assert reaching <= FORBIDDEN


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickle_in_the_place_of_an_archive_is_not_run(folder, tmp_path, protocol) -> None:
    replace_part(folder, "head.pt", pickle.dumps(Touch(tmp_path / "run"), protocol))
    assert "it is no zip archive" in refusal(folder)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("entry", ["data.pkl", "constants.pkl"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickle_within_an_archive_is_not_run(folder, tmp_path, entry, protocol) -> None:
    hostile = pickle.dumps(Touch(tmp_path / "run"), protocol)
    edit_head(folder, lambda name, old: hostile if name.endswith(entry) else old)
    assert "its objects" in refusal(folder)
    assert not (tmp_path / "run").exists()


def test_weights_saved_by_torch_are_no_torchscript(folder, tmp_path) -> None:
    written = io.BytesIO()
    torch.save({"weight": Touch(tmp_path / "run")}, written)
    replace_part(folder, "head.pt", written.getvalue())
    assert "head.pt cannot be loaded" in refusal(folder)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "line",
    [
        'torch.save(weight, "{path}")',
        'ops.aten.save(weight, "{path}")',
        'weight.save("{path}")',
        'x = torch.from_file("{path}", True, 10)',
        'x = getattr(torch, "save")(weight, "{path}")',
        'x = "{path}".from_file(True, 10)',
        "x = torch.classes.profiler.thing(weight)",
        "x = ops.prim.PythonOp(weight)",
        "x = torch.empty([1000000000000])",
        "x = self.__setstate__(weight)",
        "x = open(weight)",
        "x = (lambda: weight)()",
    ],
)
def test_code_that_does_more_than_compute_is_refused(folder, tmp_path, line) -> None:
    new = line.format(path=tmp_path / "written").encode() + b"\n    weight = self.weight"
    edit_head(folder, replacing(HEAD_CODE, b"weight = self.weight", new))
    assert "its code" in refusal(folder)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    "code", [b"def", b"\x00", b"(" * 5_000, b"x = " + b"-" * 50_000 + b"1", b"\xff"]
)
def test_code_that_is_none_is_refused(folder, code) -> None:
    edit_head(folder, lambda name, old: code if name.endswith(HEAD_CODE) else old)
    assert "its code cannot be parsed" in refusal(folder)


def test_weights_that_reach_beyond_the_archive_are_refused(folder) -> None:
    count = 15 * 256 * 5
    edit_head(folder, replacing("data.pkl", b"M" + struct.pack("<H", count), b"J\x00\x65\xcd\x1d"))
    assert "states 2000000000 bytes, and has 76800" in refusal(folder)


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e38, -1e7])
def test_weights_that_cannot_be_computed_with_are_refused(folder, value) -> None:
    bad = struct.pack("<f", value)
    edit_head(folder, lambda n, old: bad + old[4:] if n.endswith("data/0") else old)
    assert "weight has numbers that are NaN, infinite or beyond 1e6" in refusal(folder)


def test_truncated_archive_is_refused(folder) -> None:
    content = (folder / "head.pt").read_bytes()
    for length in (0, 3, 100, len(content) // 2, len(content) - 1):
        replace_part(folder, "head.pt", content[:length])
        assert "head.pt cannot be loaded" in refusal(folder)


def test_broken_bytes_of_an_archive_are_refused_or_harmless(folder) -> None:
    good = (folder / "head.pt").read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(25):
        content = bytearray(good)
        for at in generator.integers(0, len(good), 20):
            content[at] = generator.integers(256)
        # What describes the archive lies at its end.
        content[-int(generator.integers(1, 1_500))] ^= 0xFF
        replace_part(folder, "head.pt", bytes(content))
        try:
            load_bundle(folder, device="cpu")
        except BundleError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either way is right


def bomb() -> bytes:
    return archive_of(("a/data.pkl", bytes(100 * 2**20)), compression=zipfile.ZIP_DEFLATED)


def lying_bomb() -> bytes:
    """An entry of 100 MB that states 100 bytes, in both of its headers."""
    large, small = struct.pack("<I", 100 * 2**20), struct.pack("<I", 100)
    return bomb().replace(large, small)


def overlapping() -> bytes:
    content = bytearray(archive_of(("a/data/0", bytes(1_000)), ("a/data/1", bytes(1_000))))
    first, second = [match.start() for match in re.finditer(b"PK\x01\x02", content)]
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    for at in (first, second):
        content[at + 20 : at + 28] = struct.pack("<II", 1_900, 1_900)
    return bytes(content)


def flagged(flag: int) -> bytes:
    """An entry that states a feature which Python's reader of archives lacks."""
    content = bytearray(archive_of(("a/data.pkl", b"x"), ("a/constants.pkl", b"")))
    content[content.index(b"PK\x01\x02") + 8] |= flag
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (flagged(0x20), "its entry 'a/data.pkl' is broken"),
        (flagged(0x40), "its entry 'a/data.pkl' is broken"),
        (bomb(), "100 MB unpacked, more than the 64 MB"),
        (lying_bomb(), "its entry 'a/data.pkl'|no constants"),
        (overlapping(), "they lie on each other"),
        (archive_of(*((f"a/data/{i}", b"") for i in range(10_001))), "10000 entries"),
        (archive_of(("a/data.pkl", bytes(5 << 20)), ("a/constants.pkl", b"")), "may have 4 MB"),
        (archive_of(("../../evil", b"x")), "leads out of it"),
        (archive_of(("/etc/evil", b"x")), "leads out of it"),
        (archive_of(("a/..\\evil", b"x")), "leads out of it"),
        (archive_of(("a/evil.so", b"x")), "has no entry 'a/evil.so'"),
        (archive_of(("a/data.pkl", b"x"), ("b/data.pkl", b"x")), "no constants.pkl|two archives"),
        (archive_of(("a/data.pkl", b"x"), compression=zipfile.ZIP_LZMA), "neither stored nor"),
        (b"x" + archive_of(("a/data.pkl", b"x")), "no zip archive"),
        (archive_of(), "no zip archive"),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_archive_beyond_what_is_allowed_is_refused(folder, content, reason) -> None:
    replace_part(folder, "head.pt", content)
    assert re.search(reason, refusal(folder))


def test_part_that_is_too_large_is_not_read(folder) -> None:
    with (folder / "head.pt").open("r+b") as file:
        file.truncate(3 * 2**30)  # takes no room
    assert "larger than the 512 MB" in refusal(folder)


def test_links_out_of_the_folder_are_refused(folder, tmp_path) -> None:
    (folder / "head.pt").rename(tmp_path / "head.pt")
    (folder / "head.pt").symlink_to(tmp_path / "head.pt")
    assert "is a link out of the bundle" in refusal(folder)
    (folder / "head.pt").unlink()
    (folder / "head.pt").symlink_to("/dev/zero")
    assert "is not a file" in refusal(folder)


def test_folder_may_itself_be_a_link(folder, tmp_path) -> None:
    (tmp_path / "link").symlink_to(folder)
    load_bundle(tmp_path / "link", device="cpu")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "x\x1b[2J", "name must be at most 200 printable characters"),
        ("name", 5, "name must be text"),
        ("tags", [{"name": "a" * 300}] * 5, "the name of a tag must be"),
        ("tags", [{"name": str(i)} for i in range(10_001)], "there may be 10000 tags"),
        ("tags", [{"name": str(i)} for i in range(6)], "6 tags, but 5 thresholds"),
        ("sha256", {"../../etc/passwd": "0" * 64}, "there may be"),
        ("sha256", {"/etc/passwd": "0" * 64}, "there may be"),
        ("sha256", {"head.pt": "../x"}, "64 hexadecimal digits"),
        ("sample_rate", ["x" * 10**6], "sample_rate is"),
        ("format_version", 10**19, "format_version is"),
    ],
)
def test_hostile_value_is_refused(folder, field, value, reason) -> None:
    table = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**table, field: value}))
    assert reason in refusal(folder)


@pytest.mark.parametrize(
    "value", ["1e38", "1e39", "NaN", "Infinity", "1e999", "true", '"1"', "[]", "{}"]
)
@pytest.mark.parametrize("part", ["scale", "thresholds"])
def test_hostile_number_of_a_calibration_is_refused(folder, part, value) -> None:
    table = json.loads((folder / "bundle.json").read_text())
    holder = table["calibration"]
    if part == "scale":
        holder["scale"]["pitch"] = ["HERE"] * 5
    else:
        holder["thresholds"] = ["HERE"] * 5
    (folder / "bundle.json").write_text(json.dumps(table).replace('"HERE"', value))
    assert re.search("finite|made of numbers|between 0 and 1", refusal(folder))


def test_outputs_that_are_not_the_tags_are_refused(folder, tiny_tagger) -> None:
    wider = build_tagger(TaggerConfig(neuralogram=NeuralogramConfig(width=0.0625)), 6).eval()
    written = io.BytesIO()
    with torchscript():
        torch.jit.save(torch.jit.script(wider.head), written)
    replace_part(folder, "head.pt", written.getvalue())
    assert "outputs of shape (15, 6), and bundle.json names 5 tags" in refusal(folder)


def test_part_that_is_another_module_is_refused_when_it_is_compiled(folder) -> None:
    shutil.copy(folder / "timbre.pt", folder / "pitch.pt")
    replace_part(folder, "pitch.pt", (folder / "timbre.pt").read_bytes())
    with pytest.raises(BundleError, match="cannot be compiled"):
        _ = load_bundle(folder, device="cpu").runtime


def numpy_table(header: str) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}", "64 are there"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -16)}", "must be a table"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (16,)}", "must be a table"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (2, 4)}", "must be a table"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4)}", "must be a table"),
        ("__import__('os').abort()", "holds no background"),
    ],
)
def test_hostile_background_is_refused(folder, array, reason) -> None:
    replace_part(folder, BACKGROUND, archive_of(("embeddings.npy", numpy_table(array))))
    metadata = BundleMetadata.read(folder)
    with pytest.raises(BundleError, match=reason) as caught:
        read_background(folder, metadata)
    assert BACKGROUND in str(caught.value)


def test_background_of_anything_but_a_table_of_numbers_is_refused(folder) -> None:
    for content in (b"", b"PK\x03\x04", bomb(), archive_of(("other.npy", b"x"))):
        replace_part(folder, BACKGROUND, content)
        with pytest.raises(BundleError, match="holds no background"):
            read_background(folder, BundleMetadata.read(folder))
    numbers = np.full((4, 4), np.nan, np.float32)
    save_background(folder, Background(numbers, numbers), {})
    with pytest.raises(BundleError, match="must be finite"):
        read_background(folder, BundleMetadata.read(folder))
