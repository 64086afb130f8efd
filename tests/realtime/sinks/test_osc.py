"""Told to python-osc's own server, by UDP."""

import json
import logging
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from earmark.__main__ import main
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.commands.sink_options.osc import open_sink
from earmark.realtime.sinks.items import Sounding, StateChange
from earmark.realtime.sinks.osc import OscSink
from earmark.realtime.sinks.slugs import slug, slugs

TAGS = ("Dog", "Baby cry, infant cry", "Hi-hat")


class Receiver(BlockingOSCUDPServer):
    """Keeps the messages, and the sizes of the datagrams that they came in."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, tuple]] = []
        self.sizes: list[int] = []
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(lambda path, *args: self.messages.append((path, args)))
        super().__init__(("127.0.0.1", 0), dispatcher)

    def verify_request(self, request, client_address) -> bool:
        self.sizes.append(len(request[0]))
        return super().verify_request(request, client_address)

    def on(self, path: str) -> list[tuple]:
        return [args for there, args in self.messages if there == path]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def tell(make_stream, receiver) -> Iterator:
    """Make a sink that tells the receiver: ``tell(has_branches=True)``."""
    sinks = []

    def start(tags: tuple[str, ...] = TAGS, has_branches: bool = False, **changes) -> OscSink:
        stream = make_stream(tags, **changes)
        port = receiver.server_address[1]
        sinks.append(OscSink(stream, "localhost", port, top=2, has_branches=has_branches))
        return sinks[-1]

    yield start
    for sink in sinks:
        sink.close()


def test_each_window_gives_a_number_for_each_tag(tell, receiver, window, wait_for) -> None:
    sink = tell()
    for probability in (0.25, 0.5, 0.75):
        sink.take(window(probability, 0.125, 0.0))
    wait_for(lambda: len(receiver.on("/earmark/top")) == 3)
    assert receiver.on("/earmark/tag/dog") == [(0.25,), (0.5,), (0.75,)]
    assert receiver.on("/earmark/tag/baby_cry_infant_cry") == [(0.125,)] * 3
    assert receiver.on("/earmark/tag/hi_hat") == [(0.0,)] * 3
    assert receiver.on("/earmark/top")[0] == ("Dog", 0.25, "Baby cry, infant cry", 0.125)
    assert len(receiver.messages) == 3 * 4


def test_branches_are_told_if_asked_for(tell, receiver, window, wait_for) -> None:
    tell(has_branches=True).take(window(0.5, 0.25, 0.0))
    wait_for(lambda: receiver.on("/earmark/top"))
    for branch in BRANCH_NAMES:
        assert receiver.on(f"/earmark/branch/{branch}/dog") == [(0.25,)]


def test_tags_that_were_not_asked_for_are_left_out(tell, receiver, window, wait_for) -> None:
    thresholds = np.array([2.0, 0.5, 2.0], np.float32)
    tell(thresholds=thresholds).take(window(0.5, 0.25, 0.0))
    wait_for(lambda: receiver.on("/earmark/top"))
    paths = {path for path, _ in receiver.messages}
    assert paths == {"/earmark/tag/baby_cry_infant_cry", "/earmark/top"}


def test_many_tags_come_whole_in_datagrams_that_are_not_taken_apart(
    tell, receiver, window, wait_for
) -> None:
    tags = tuple(f"A tag with a long name, number {number}" for number in range(131))
    tell(tags, has_branches=True).take(window(*np.linspace(0, 1, 131)))
    wait_for(lambda: receiver.on("/earmark/top"))
    assert len(receiver.messages) == 131 * 5 + 1
    assert max(receiver.sizes) <= 1_472  # what an Ethernet frame holds by UDP
    assert len(receiver.sizes) < 50


def test_events_and_states_are_told_when_they_happen(tell, receiver, event, wait_for) -> None:
    sink = tell()
    sink.take(event("Baby cry, infant cry", 1.25, 2.0))
    sink.take(StateChange(3.0, Liveness.RECOVERING, "pulled out"))
    wait_for(lambda: len(receiver.messages) == 2)
    ((tag, start, end, peak),) = receiver.on("/earmark/event")
    assert (tag, start, end, peak) == ("Baby cry, infant cry", 1.25, 2.0, pytest.approx(0.9))
    assert receiver.on("/earmark/state") == [("recovering", "pulled out")]


def test_gates_open_and_close_as_tags_sound(tell, receiver, wait_for) -> None:
    sink = tell()
    for tags in (("Dog",), ("Dog", "Hi-hat"), ("Hi-hat",), ()):
        sink.take(Sounding(1.0, tags))
    wait_for(lambda: len(receiver.messages) == 8)
    assert receiver.on("/earmark/sounding") == [("Dog",), ("Dog", "Hi-hat"), ("Hi-hat",), ()]
    assert receiver.on("/earmark/gate/dog") == [(1,), (0,)]
    assert receiver.on("/earmark/gate/hi_hat") == [(1,), (0,)]


def test_nobody_listening_is_no_matter(make_stream, window, event, seconds_to_tell) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sink = OscSink(make_stream(TAGS), "127.0.0.1", port, top=2, has_branches=True)
    assert seconds_to_tell(sink, [window(0.1, 0.2, 0.3), event()] * 50) < 1
    assert sink.dropped == 0
    sink.close()


def test_name_without_an_address_is_one_line_and_is_asked_for_again(
    make_stream, event, caplog, monkeypatch
) -> None:
    asked = []

    def unknown(*arguments: object, **named: object) -> list:
        asked.append(arguments)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    clock = [0.0]
    monkeypatch.setattr("earmark.realtime.sinks.osc.time.monotonic", lambda: clock[0])
    sink = OscSink(make_stream(TAGS), "stage.invalid", 9, top=2, has_branches=False)
    with caplog.at_level(logging.INFO, "earmark"):
        for second in range(7):
            clock[0] = float(second)
            sink.take(event())
    assert sink.dropped == 7
    assert len(asked) == 2
    (line,) = [r.getMessage() for r in caplog.records]
    assert "stage.invalid:9" in line


@pytest.mark.parametrize(
    "address", ["", "hub", "hub:", ":9", "hub:x", "a@hub:9", "hub:9/x", "a..b:9"]
)
def test_address_that_is_none_is_wrong_usage(address: str, options, make_stream) -> None:
    with pytest.raises(UsageError, match="--osc must be HOST:PORT"):
        open_sink(options(f"--osc={address}"), make_stream(TAGS))


def test_names_become_parts_of_addresses_each_its_own() -> None:
    assert slug("Motor_vehicle_(road)") == "motor_vehicle_road"
    assert slug("Éclat / *?") == "eclat"
    assert slugs(("Hi-hat", "hi hat", "犬", "鳥")) == ("hi_hat", "hi_hat_2", "unnamed", "unnamed_2")


def test_live_sends_as_many_windows_as_it_writes(
    receiver, tiny_bundle_folder, noise, tmp_path, capsys, wait_for
) -> None:
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=2.5), 16_000)
    words = ["live", path, "--bundle", tiny_bundle_folder, "--device", "cpu", "--hop", 0.25]
    words += ["--format", "jsonl", "--all-tags", "--osc", f"localhost:{receiver.server_address[1]}"]
    assert main([str(word) for word in words]) == 0
    written = [json.loads(line)["tags"]["Dog"] for line in capsys.readouterr().out.splitlines()]
    wait_for(lambda: len(receiver.on("/earmark/top")) == len(written))
    told = [value for (value,) in receiver.on("/earmark/tag/dog")]
    assert told == pytest.approx(written, abs=1e-6)
