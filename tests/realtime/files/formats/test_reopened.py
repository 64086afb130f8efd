"""What is written, opened again by readers that know each format from its own description."""

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.formats.writer import FORMATS, open_writer
from earmark.realtime.files.inputs import InputFile
from earmark.realtime.files.outputs import Outputs
from earmark.realtime.files.records import event_record


@dataclass(frozen=True)
class Label:
    """What every format can hold of an event."""

    start: float
    end: float
    tag: str


def read_jsonl(text: str) -> list[Label]:
    rows = [json.loads(line) for line in text.removesuffix("\n").split("\n")] if text else []
    return [Label(row["start"], row["end"], row["tag"]) for row in rows]


def read_csv(text: str) -> list[Label]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [Label(float(row["start"]), float(row["end"]), row["tag"]) for row in rows]


def read_audacity(text: str) -> list[Label]:
    """Audacity manual, "Importing and Exporting Labels", standard format.

    Start and end in seconds and the text, between tabs, a label a line. A line that begins with a
    backslash would be the frequencies of the one before.
    """
    labels = []
    for line in lines_of(text):
        start, end, label = line.split("\t")
        assert re.fullmatch(r"\d+\.\d+", start), line
        assert re.fullmatch(r"\d+\.\d+", end), line
        labels.append(Label(float(start), float(end), label))
    return labels


def read_raven(text: str) -> list[Label]:
    """Raven Pro manual, "Selection tables": a header, then a selection a line, all between tabs.

    Raven draws a selection from its number, view, channel, times and frequencies.
    """
    head, *rows = (line.split("\t") for line in lines_of(text))
    assert head[:3] == ["Selection", "View", "Channel"]
    labels = []
    for number, fields in enumerate(rows, 1):
        assert len(fields) == len(head), fields
        row = dict(zip(head, fields, strict=True))
        assert row["Selection"] == str(number)
        assert re.fullmatch(r"(Spectrogram|Waveform) \d+", row["View"])
        assert int(row["Channel"]) >= 1
        assert 0 <= float(row["Low Freq (Hz)"]) < float(row["High Freq (Hz)"])
        times = float(row["Begin Time (s)"]), float(row["End Time (s)"])
        labels.append(Label(*times, row["Tag"]))
    return labels


def read_rttm(text: str) -> list[Label]:
    """NIST, RT-09 evaluation plan, appendix A: ten fields between spaces, ``<NA>`` where none.

    Of an object of type SPEAKER: file, channel, start, duration, no orthography, no subtype, name,
    confidence from 0 to 1, and the time looked ahead.
    """
    labels = []
    for line in lines_of(text):
        fields = line.split(" ")
        kind, file, channel, start, duration, orthography, subtype, name, confidence, ahead = fields
        assert kind == "SPEAKER"
        assert file
        assert channel == "1"
        assert (orthography, subtype, ahead) == ("<NA>", "<NA>", "<NA>")
        assert 0 <= float(confidence) <= 1
        assert float(duration) > 0
        labels.append(Label(float(start), float(start) + float(duration), name))
    return labels


def lines_of(text: str) -> list[str]:
    """Return the lines, each of which must be ended."""
    assert not text or text.endswith("\n")
    return text.removesuffix("\n").split("\n") if text else []


READERS = {
    "jsonl": read_jsonl,
    "csv": read_csv,
    "audacity": read_audacity,
    "raven": read_raven,
    "rttm": read_rttm,
}

# Names of people's own tags: any letters and signs, with spaces of all kinds between them.
TAGS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\u2028 \"',;\\<>"),
    min_size=1,
    max_size=20,
)


@st.composite
def events(draw: st.DrawFn) -> TagEvent:
    start = draw(st.floats(0, 1e5))
    end = start + draw(st.floats(0.05, 1e4))
    return TagEvent(draw(TAGS), start, end, draw(st.floats(0, 1)), 0.5, "timbre")


@pytest.mark.parametrize("form", READERS)
@given(told=st.lists(events(), max_size=5))
def test_any_events_are_read_back(form: str, told: list[TagEvent]) -> None:
    stream = io.StringIO()
    writer = open_writer(form, stream, "events")
    for event in told:
        writer.write(event_record("my street.wav", event))
    writer.close()
    found = READERS[form](stream.getvalue())
    assert len(found) == len(told)
    for label, event in zip(found, told, strict=True):
        assert label.start == pytest.approx(event.start, abs=2e-3)
        assert label.end == pytest.approx(event.end, abs=2e-3)
        words = event.tag.split()
        if form == "rttm":
            assert label.tag == ("_".join(words) or "<NA>") or "%" in label.tag
        elif form in ("audacity", "raven"):
            assert label.tag == " ".join(words)
        else:
            assert label.tag == event.tag
    if form == "rttm":
        assert len({label.tag for label in found}) == len({event.tag for event in told})


@pytest.mark.parametrize("form", READERS)
def test_files_are_read_back_from_the_disk(form: str, tmp_path: Path) -> None:
    told = [
        TagEvent("Dog", 0.5, 1.75, 0.9, 0.8, "pitch"),
        TagEvent("Vögel", 1, 3, 0.7, 0.6, "pitch"),
    ]
    item = InputFile("my street.wav", None, Path("my street.wav"))
    outputs = Outputs(form, "events", folder=tmp_path / "out", overwrite=False)
    with outputs, outputs.writer_for(item) as writer:
        for event in told:
            writer.write(event_record(item.name, event))
    (written,) = (tmp_path / "out").iterdir()
    assert written.name == "my street.wav" + FORMATS[form].suffix
    found = READERS[form](written.read_bytes().decode("utf-8"))
    assert found == [Label(event.start, event.end, event.tag) for event in told]
