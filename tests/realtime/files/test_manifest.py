from pathlib import Path

import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.errors import UsageError
from earmark.realtime.files.manifest import read_manifest


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "lists").mkdir(parents=True)
    for name in ("lists/a.wav", "b, c.wav", "d.wav"):
        (folder / name).touch()
    return folder


def listed(archive: Path, name: str, text: str) -> Path:
    path = archive / "lists" / name
    path.write_text(text, encoding="utf-8")
    return path


def test_text_is_a_path_a_line(archive) -> None:
    manifest = listed(archive, "list.txt", f"a.wav\n\n../b, c.wav\r\n{archive / 'd.wav'}")
    found, missing = read_manifest(manifest)
    assert missing == []
    assert [item.name for item in found] == ["a.wav", "../b, c.wav", str(archive / "d.wav")]
    assert [item.path.resolve() for item in found] == [
        archive / "lists" / "a.wav",
        archive / "b, c.wav",
        archive / "d.wav",
    ]


def test_csv_needs_one_column_and_lets_others_be(archive) -> None:
    manifest = listed(
        archive, "list.CSV", '\ufeffstation,path\nnorth,a.wav\n"so\nuth","../b, c.wav"\n'
    )
    found, _ = read_manifest(manifest)
    assert [item.name for item in found] == ["a.wav", "../b, c.wav"]


def test_outputs_lie_as_the_files_do_whatever_else_is_listed(archive) -> None:
    manifest = listed(archive, "list.txt", "a.wav\n../d.wav\n")
    inside, outside = [item.relative for item in read_manifest(manifest)[0]]
    assert inside == Path("a.wav")
    assert outside == (archive / "d.wav").relative_to("/")


def test_file_that_is_not_there_is_named_with_its_line(archive) -> None:
    found, missing = read_manifest(listed(archive, "list.txt", "a.wav\nb.wav\n../d.wav\n"))
    assert [item.name for item in found] == ["a.wav", "../d.wav"]
    (line,) = missing
    assert "list.txt, line 2: there is no file" in line


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "file,tag\na.wav,Dog\n", r"line 1: there is no column 'path', only file, tag"),
        ("list.csv", "", "line 1: there is no column 'path', only none"),
        ("list.csv", "path,x\na.wav,\n,1\n", "line 3: the column 'path' is empty"),
        ("list.txt", "a.wav\n../d.wav\n./a.wav\n", r"line 3: ./a.wav is in line 1 already"),
        ("list.txt", "\n \n", "lists nothing"),
    ],
)
def test_manifest_that_contradicts_itself_is_refused(archive, name, text, message) -> None:
    with pytest.raises(UsageError, match=message):
        read_manifest(listed(archive, name, text))


def test_manifest_that_cannot_be_read_is_refused(archive) -> None:
    with pytest.raises(UsageError, match="cannot read the manifest"):
        read_manifest(archive / "none.txt")
    (archive / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read as UTF-8"):
        read_manifest(archive / "list.txt")


def test_listed_files_are_tagged_and_the_missing_ones_told(
    tiny_bundle_folder, archive, noise, tmp_path, capsys
) -> None:
    soundfile.write(archive / "d.wav", noise(1.2), 16_000)
    manifest = archive / "list.csv"
    manifest.write_text("path\nd.wav\nnone.wav\n")
    output = tmp_path / "out"
    words = ["file", "--bundle", str(tiny_bundle_folder), "--device", "cpu", "--hop", "1"]
    words += ["--manifest", str(manifest), "--clip", "--format", "csv", "--output", str(output)]
    assert main(words) == 1
    assert "list.csv, line 3: there is no file" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["d.wav.csv"]
    assert (output / "d.wav.csv").read_text().splitlines()[1].startswith("d.wav,1.2,")


@pytest.mark.parametrize("words", [[], ["a.wav", "--manifest", "list.txt"]])
def test_paths_or_a_manifest_are_given(words, capsys) -> None:
    assert main(["file", *words]) == 2
    assert "give either paths or --manifest" in capsys.readouterr().err
