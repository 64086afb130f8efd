import os
from pathlib import Path

import pytest

from earmark.models.errors import UsageError
from earmark.realtime.commands.sink_options.secret import read_secret


@pytest.mark.parametrize(
    ("mode", "is_told"),
    [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o644, True)],
)
def test_secret_that_others_can_read_is_told_and_not_shown(mode, is_told, tmp_path, caplog) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    path.chmod(mode)
    assert read_secret("--serve-token-file", path, "EARMARK_NONE") == "s3cret"
    assert ("can read" in caplog.text) == is_told
    assert "s3cret" not in caplog.text


def test_secret_may_come_through_a_pipe(caplog) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"s3cret\n")
    os.close(writing)
    path = Path(f"/dev/fd/{reading}")
    assert read_secret("--serve-token-file", path, "EARMARK_NONE") == "s3cret"
    os.close(reading)
    assert not caplog.records


def test_missing_file_of_a_secret_is_wrong_usage(tmp_path) -> None:
    with pytest.raises(UsageError, match="--serve-token-file"):
        read_secret("--serve-token-file", tmp_path / "none", "EARMARK_NONE")
