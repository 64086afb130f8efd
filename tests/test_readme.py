import json
import re
import shlex
from pathlib import Path

import pytest

from earmark.__main__ import build_parser
from earmark.models.config import BRANCH_NAMES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BUNDLE = ROOT / "assets" / "earmark-base"


def shown_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    calls = [line.split("|")[-1].strip() for line in lines]
    return [call for call in calls if call.startswith("earmark ")]


@pytest.mark.parametrize("command", shown_commands())
def test_every_command_shown_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    assert build_parser(words[0]).parse_args(words).command == words[0]


def test_both_commands_are_shown_and_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"make {target}" in README
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_file_linked_is_there() -> None:
    named = re.findall(r"\]\(([\w./-]+)\)", README) + re.findall(
        r"`((?:assets|training|models|tests)/[\w./-]+)`", README
    )
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_measured_table_is_that_of_the_report() -> None:
    report = json.loads((BUNDLE / "report.json").read_text(encoding="utf-8"))
    rows = {
        "**all four**": report["clips"],
        **{f"`{n}`": report["branches"][n] for n in BRANCH_NAMES},
    }
    for name, figures in rows.items():
        keys = ("map", "lrap", "top_1", "top_3_any_hit", "top_5_any_hit")
        cells = " | ".join(f"{figures[key]:.1f}" for key in keys)
        assert f"| {name} | {cells} |" in README
    assert f"{report['classes']['clip_top_1']:.1f} % of clips" in README
    assert f"{report['classes']['window_top_1']:.1f} % of windows" in README
    assert f"{report['protocol']['clips']} clips" in README
    assert f"{report['protocol']['tags']} tags" in README
