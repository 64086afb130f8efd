"""The documentation does what it says: commands run, links lead somewhere, figures are measured."""

import importlib.util
import io
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earmark
from earmark.__main__ import build_parser, main
from earmark.models.config import BRANCH_NAMES
from earmark.realtime.audio.streamed import StreamedSource

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "assets" / "earmark-base"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "assets/README.md")
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Those that need no hardware, no network and no more than seconds; the others are parsed.
RUN = ("file", "history", "teach", "tags", "info")
NOT_RUN = ("--engine ray", "teach --again")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks_of(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def lines_of(block: str) -> list[str]:
    return [line.split("  #")[0].split(" # ")[0].strip() for line in block.splitlines()]


def calls_of(block: str) -> list[str]:
    last = [line.split("|")[-1].strip() for line in lines_of(block)]
    return [call for call in last if call.startswith("earmark ")]


def is_run(call: str) -> bool:
    return call.split()[1] in RUN and not any(part in call for part in NOT_RUN)


def blocks_that_run() -> list[object]:
    # A block is run in its order, in one folder; what another page has shown is not run again.
    found, seen = [], set[str]()
    for page in reversed(PAGES):
        for i, block in enumerate(blocks_of(page, "sh")):
            calls = [call for call in calls_of(block) if is_run(call) and call not in seen]
            if calls:
                seen.update(calls)
                found.append(pytest.param(calls, id=f"{page.stem}-{i}"))
    return found


def shown(language: str) -> list[str]:
    blocks = [block for page in PAGES for block in blocks_of(page, language)]
    return [line for block in blocks for line in lines_of(block)]


ALL_CALLS = sorted({call for page in PAGES for b in blocks_of(page, "sh") for call in calls_of(b)})


def sound(start: float, seconds: float) -> np.ndarray:
    first = int(16_000 * start)
    return soundfile.read(ROOT / "assets" / "demo.flac", dtype="float32")[0][
        first : first + int(16_000 * seconds)
    ]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of a few seconds, as `earmark live --history` leaves it."""
    folder = tmp_path_factory.mktemp("night")
    soundfile.write(folder / "dog.wav", sound(7.0, 1.5), 16_000)
    history = folder / "night.db"
    words = ["live", str(folder / "dog.wav"), "--format", "jsonl", "--history", str(history)]
    assert main(words) == 0
    return history


@pytest.fixture
def workplace(tmp_path: Path, night: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples name, small."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARMARK_TAUGHT", str(tmp_path / "taught"))
    names = (
        "street.wav", "night.flac", "recordings/a.wav", "recordings/deeper/b.wav", "archive/c.wav",
        "kettle-1.wav", "kettle-2.wav", "other-kettle.wav",
    )  # fmt: skip
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, sound(37.0 + 0.2 * i, 1.5), 16_000)
    soundfile.write(tmp_path / "kitchen.wav", sound(36.0, 5.0), 16_000)
    (tmp_path / "list.csv").write_text("path\nstreet.wav\nrecordings/a.wav\n")
    (tmp_path / "night.db").write_bytes(night.read_bytes())
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("calls", blocks_that_run())
def test_commands_that_are_shown_run(
    calls: list[str], workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in calls:
        pcm = (sound(8.0, 1.5) * 32_767).astype("<i2").tobytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pcm)))
        words = shlex.split(call)[1:]
        if words[0] == "file" and "--output" in words and "--resume" not in words:
            words.append("--overwrite")  # several examples write to the same folder
        assert main(words) == 0, call


@pytest.mark.parametrize("call", ALL_CALLS)
def test_every_command_shown_is_understood(call: str) -> None:
    words = shlex.split(call)[1:]
    assert build_parser(words[0]).parse_args(words).command == words[0]


def test_every_other_program_shown_is_there() -> None:
    makefile = text_of(ROOT / "Makefile")
    for line in shown("sh"):
        words = shlex.split(line)
        if line.startswith("make "):
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
        elif line.startswith("python -m "):
            assert importlib.util.find_spec(words[2]) is not None, line
        elif line.startswith("python "):
            assert (ROOT / words[1]).is_file(), line
        elif line.startswith("pip install '.["):
            extras = re.findall(r"[\w-]+", words[-1])
            assert set(extras) <= set(PROJECT["optional-dependencies"]), line


def test_both_commands_are_shown_and_checked() -> None:
    for target in ("demo", "test"):
        assert f"make {target}" in README
    assert "make test" in text_of(ROOT / ".ci" / "run")
    assert ".ci/run" in text_of(ROOT / ".github" / "workflows" / "ci.yml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if heading:
            anchors = {
                re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
                for title in re.findall(r"^#+ (.+)$", text_of(target), re.MULTILINE)
            }
            assert heading in anchors, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_named_exists(page: Path) -> None:
    folders = "assets|docs|examples|models|realtime|src|tests|training"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", text_of(page)):
        assert (ROOT / name).exists(), name
    for module in re.findall(r"\bearmark(?:\.[a-z_]\w*)+", text_of(page)):
        words = module.split(".")[1:]
        if words[0] in ("models", "realtime", "training"):
            assert importlib.util.find_spec(module) is not None, module


def test_python_that_is_shown_runs(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = StreamedSource.from_file(workplace / "street.wav", speed=50.0)
    monkeypatch.setattr(earmark, "Microphone", lambda: heard, raising=False)
    blocks = [block for page in PAGES for block in blocks_of(page, "python")]
    assert blocks
    for block in blocks:
        exec(compile(block, "documentation", "exec"), {})


def test_measured_table_is_that_of_the_report() -> None:
    report = json.loads((BUNDLE / "report.json").read_text(encoding="utf-8"))
    accuracy = text_of(ROOT / "docs" / "accuracy.md")
    rows = {
        "**all four**": report["clips"],
        **{f"`{n}`": report["branches"][n] for n in BRANCH_NAMES},
    }
    for name, figures in rows.items():
        keys = ("map", "lrap", "top_1", "top_3_any_hit", "top_5_any_hit")
        cells = " | ".join(f"{figures[key]:.1f}" for key in keys)
        assert f"| {name} | {cells} |" in README
    assert f"{report['classes']['clip_top_1']:.1f} % of clips" in accuracy
    assert f"{report['classes']['window_top_1']:.1f} % of windows" in accuracy
    assert f"{report['protocol']['clips']} clips" in README
    assert f"{report['protocol']['tags']} tags" in README
