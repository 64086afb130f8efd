import io
import json
import logging
import shutil
import sys

import numpy as np
import pytest
from rich.console import Console

from earmark.__main__ import main
from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.devices import InputDevice
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.commands.live_view import LiveView
from earmark.realtime.commands.log_lines import LineFormatter
from earmark.realtime.sinks.base import Status

EVIL = "\x1b]0;PWNED\x07\x1b[31mEvil\x1b[2J\n"


def raised(error: Exception):
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_log_lines_cannot_steer_a_terminal() -> None:
    record = logging.LogRecord("earmark", 30, "", 0, "webhook: %s", (EVIL,), None)
    line = LineFormatter().format(record)
    assert line.startswith("earmark: webhook: ")
    assert line.isprintable()


def test_traceback_in_the_log_cannot_steer_a_terminal() -> None:
    record = logging.LogRecord("earmark", 40, "", 0, "ended", (), raised(ValueError(EVIL)))
    lines = LineFormatter().format(record).splitlines()
    assert "ValueError" in "".join(lines)
    assert all(line.isprintable() for line in lines)


def test_live_view_cannot_be_steered_by_names_and_reasons(make_stream) -> None:
    view = LiveView(make_stream((EVIL, "Rain"), source=EVIL), rows=2)
    row = np.array([0.9, 0.1], np.float32)
    view.update(WindowResult(0, 16_000, row, np.stack([row] * 4), 0.004))
    status = Status(10.0, Liveness.FAILED, EVIL, 9, 0, 0, (40.0, 50.0), (4.0, 5.0), {})
    console = Console(file=io.StringIO(), width=200)
    console.print(view.draw(status, level_dbfs=-20.0, advice=""))
    text = console.file.getvalue()
    assert "Evil" in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("name", [EVIL, "[/bold] in brackets"])
def test_device_is_listed_whatever_its_name_is(name, monkeypatch, capsys) -> None:
    device = InputDevice(0, name, name, 2, 48_000.0, is_default=True)
    monkeypatch.setattr("earmark.realtime.audio.devices.list_devices", lambda: [device])
    assert main(["devices"]) == 0
    text = capsys.readouterr().out
    assert "PWNED" in text or "[/bold] in brackets" in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    "words", [["history", EVIL], ["live", EVIL], [EVIL], ["file", "--" + EVIL]]
)
def test_what_is_given_is_told_in_one_line_that_steers_nothing(words, capsys) -> None:
    try:
        status = main(words)
    except SystemExit as left:
        status = left.code
    assert status in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_bundle_is_described_whatever_its_folder_and_figures_hold(
    tiny_bundle_folder, tmp_path, capsys
) -> None:
    folder = tmp_path / "[/x] \x1b[2J"
    shutil.copytree(tiny_bundle_folder, folder)
    table = json.loads((folder / "bundle.json").read_text())
    table["sources"] = {EVIL: [EVIL, {EVIL: EVIL}]}
    table["metrics"] = {EVIL: {EVIL: EVIL}}
    (folder / "bundle.json").write_text(json.dumps(table))
    assert main(["info", str(folder)]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
