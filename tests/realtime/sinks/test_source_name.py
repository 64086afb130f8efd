import os
import subprocess
import sys

import pytest

from earmark.models.errors import UsageError
from earmark.realtime.sinks.source_name import own_name

HOLD = """
import sys
from earmark.realtime.sinks.source_name import own_name
with own_name("garden", is_given=False) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def nobody_else(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_sources_of_one_name_are_told_apart_while_both_are_heard() -> None:
    with own_name("USB mic", is_given=False) as first:
        with (
            own_name("USB mic", is_given=False) as second,
            own_name("usb-MIC", is_given=False) as third,
            own_name("Line in", is_given=False) as other,
        ):
            assert (first, second, third, other) == (
                "USB mic", "USB mic (2)", "usb-MIC (3)", "Line in"
            )  # fmt: skip
        with own_name("USB mic", is_given=False) as again:
            assert again == "USB mic (2)"
    with own_name("USB mic", is_given=False) as alone:
        assert alone == "USB mic"


def test_name_that_was_asked_for_is_that_one_or_wrong_usage() -> None:
    with own_name("garden", is_given=True) as name:
        assert name == "garden"
        with pytest.raises(UsageError, match="--name garden"), own_name("garden", is_given=True):
            pass


def test_name_of_a_process_that_was_killed_is_free() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD], **pipes) as child:
        assert child.stdout.readline() == b"garden\n"
        with own_name("garden", is_given=False) as second:
            assert second == "garden (2)"
        child.kill()
        child.wait()
    with own_name("garden", is_given=True) as name:
        assert name == "garden"


def test_name_that_is_no_text_is_made_one() -> None:
    with own_name(os.fsdecode(b"a\xff\x1b.wav"), is_given=False) as name:
        assert name == "a\\xff\\x1b.wav"


def test_sources_are_heard_where_no_name_can_be_held(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    with own_name("garden", is_given=True), own_name("garden", is_given=True) as name:
        assert name == "garden"
