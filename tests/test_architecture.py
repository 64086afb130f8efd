import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for folder in ("models", "realtime", "training") for path in (ROOT / folder).rglob("*.py")
)


def users_of(pattern: str) -> set[str]:
    return {p.name for p in SOURCES if re.search(pattern, p.read_text(), re.MULTILINE)}


def test_only_one_file_imports_sounddevice() -> None:
    assert users_of(r"^\s*import sounddevice|from sounddevice") == {"devices.py"}


def test_only_one_file_saves_and_loads_torchscript() -> None:
    assert users_of(r"torch\.jit\.(script|save|load)\(") == {"torchscript.py"}


def test_nothing_is_unpickled_without_restriction() -> None:
    for path in SOURCES:
        for call in re.findall(r"torch\.load\([^)]*\)", path.read_text()):
            assert "weights_only=True" in call, path
        # pickletools lists what a stream says, and does nothing of it.
        assert not re.search(r"import pickle\b|pickle\.|allow_pickle=True", path.read_text()), path


def test_json_of_files_is_read_within_limits() -> None:
    # The others read what another process of the same program has just written to them.
    own = {"devices.py", "startup.py", "block_tagger.py", "engine.py"}
    assert users_of(r"json\.loads?\(") <= {"json_files.py", *own}
