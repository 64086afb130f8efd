import json

import pytest
import soundfile

from earmark.__main__ import main
from earmark.realtime.sinks.source_name import own_name


@pytest.fixture
def listen(tiny_bundle_folder, noise, tmp_path, capsys, monkeypatch):
    """Hear a file live, and return the names in what was written and in the history."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path, history = tmp_path / "street.wav", tmp_path / "h.db"
    soundfile.write(path, noise(seconds=1.2), 16_000)

    def run(*words: str) -> tuple[set[str], set[str]]:
        options = ["--bundle", str(tiny_bundle_folder), "--device", "cpu", "--hop", "0.5"]
        options += ["--threshold", "0.01", "--events", "--format", "jsonl"]
        assert main(["live", str(path), *options, "--history", str(history), *words]) == 0
        written = capsys.readouterr().out
        assert main(["history", str(history), "--format", "jsonl"]) == 0
        return tuple(
            {json.loads(line)["file"] for line in text.splitlines()}
            for text in (written, capsys.readouterr().out)
        )

    return run


def test_source_is_told_by_the_name_that_it_was_given(listen) -> None:
    assert listen("--name", "garden") == ({"garden"}, {"garden"})


def test_source_whose_name_another_has_is_told_apart_in_the_history(listen) -> None:
    assert listen() == ({"street.wav"}, {"street.wav"})
    with own_name("street.wav", is_given=False):
        assert listen() == ({"street.wav (2)"}, {"street.wav", "street.wav (2)"})


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[2J", "two\nlines", "x" * 61])
def test_name_that_is_not_to_be_shown_is_wrong_usage(name, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["live", "--name", name])
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a name must have" in line
