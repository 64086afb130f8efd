"""Told to a real HTTP server, which fails in all the ways that servers do."""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.errors import UsageError
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.commands.sink_options.webhook import open_sink
from earmark.realtime.sinks.items import StateChange
from earmark.realtime.sinks.queued import QueuedSink
from earmark.realtime.sinks.webhook import WebhookSink

TAGS = ("Dog", "Rain")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((dict(self.headers), json.loads(body)))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if answer == "hang":
            self.server.released.wait(20)
            return
        if answer == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            with contextlib.suppress(OSError):
                while not self.server.released.wait(0.005):
                    self.wfile.write(b"a")
                    self.wfile.flush()
            return
        if answer == "hang up":
            self.close_connection = True
            return
        code, headers = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= code < 300:
            self.server.taken.append(json.loads(body))
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Receiver(ThreadingHTTPServer):
    """Answers as it is told to, then with 204.

    Args:
        port: 0: any that is free.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.answers: list[object] = []
        self.asked: list[tuple[dict, dict]] = []
        self.taken: list[dict] = []
        self.released = threading.Event()
        super().__init__(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?key=hidden"

    def tags(self) -> list[str]:
        return [message["tag"] for message in self.taken]

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture
def waits() -> list[float]:
    """The seconds that a sink would have waited."""
    return []


@pytest.fixture
def tell(make_stream, receiver, waits):
    """Make a sink that tells the receiver, and waits no time: ``tell(tries=3)``."""

    def start(url: str | None = None, **changes: object) -> WebhookSink:
        changes = {"timeout": 5.0, "wait": waits.append, **changes}
        return WebhookSink(make_stream(TAGS), url or receiver.url, **changes)

    return start


def test_event_arrives_with_its_times_its_id_and_the_token(tell, receiver, event) -> None:
    tell(token="s3cret").take(event())
    ((headers, message),) = receiver.asked
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Idempotency-Key"] == message["id"]
    assert (message["type"], message["tag"], message["start"]) == ("event", "Dog", 1.25)
    assert message["time"] < message["end_time"]


def test_changes_of_state_are_told_and_windows_are_not(tell, receiver, window) -> None:
    sink = tell()
    sink.take(StateChange(2.0, Liveness.FAILED, "gone"))
    sink.take(window(0.5, 0.5))
    (message,) = receiver.taken
    assert (message["type"], message["liveness"], message["reason"]) == ("state", "failed", "gone")


@pytest.mark.parametrize("failure", [500, 503, 429, 408, "hang up"])
def test_what_fails_in_passing_is_tried_again_under_the_same_id(
    failure, tell, receiver, event, waits
) -> None:
    receiver.answers = [failure] * 3
    sink = tell()
    sink.take(event("Dog"))
    sink.take(event("Rain"))
    assert receiver.tags() == ["Dog", "Rain"]
    ids = [headers["Idempotency-Key"] for headers, _ in receiver.asked]
    assert len(ids) == 5
    assert len(set(ids)) == 2
    assert waits == [0.5, 1.0, 2.0]
    assert sink.dropped == 0


def test_receiver_that_hangs_is_tried_again(tell, receiver, event) -> None:
    receiver.answers = ["hang"]
    sink = tell(timeout=1.0)
    sink.take(event())
    assert receiver.tags() == ["Dog"]
    assert len(receiver.asked) == 2


def test_receiver_that_answers_a_byte_at_a_time_is_given_up_after_the_limit(
    tell, receiver, event, caplog
) -> None:
    receiver.answers = ["drip"] * 2
    sink = tell(timeout=0.5, tries=2)
    sink.take(event("Dog"))
    sink.take(event("Rain"))
    assert receiver.tags() == ["Rain"]
    assert sink.dropped == 1
    assert caplog.text.count("no whole answer within 0.5 s") == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_that_never_shakes_hands_is_given_up_after_the_limit(
    scheme, tell, event, caplog
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        sink = tell(url, timeout=0.3, tries=1)
        sink.take(event())
    assert sink.dropped == 1
    assert "cannot be reached" in caplog.text


def test_name_that_is_looked_up_for_ever_is_given_up_after_the_limit_and_posts_nothing(
    tell, receiver, event, caplog, monkeypatch, wait_for
) -> None:
    look_up, released, found = socket.getaddrinfo, threading.Event(), threading.Event()

    def slow(*arguments: object, **options: object) -> object:
        released.wait(20)
        addresses = look_up(*arguments, **options)
        found.set()
        return addresses

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    sink = tell(timeout=0.3, tries=1)
    sink.take(event())
    assert (sink.dropped, found.is_set()) == (1, False)
    assert "no whole answer within 0.3 s" in caplog.text
    released.set()
    wait_for(lambda: "earmark post" not in [thread.name for thread in threading.enumerate()])
    assert found.is_set()
    assert receiver.asked == []


@pytest.mark.parametrize("refusal", [400, 401, 404, (301, {"Location": "http://127.0.0.1:9/"})])
def test_refusal_is_not_tried_again_but_counted(refusal, tell, receiver, event, waits) -> None:
    receiver.answers = [refusal]
    sink = tell()
    sink.take(event("Dog"))
    sink.take(event("Rain"))
    assert receiver.tags() == ["Rain"]
    assert (sink.dropped, len(receiver.asked), waits) == (1, 2, [])


def test_tries_end_and_the_next_event_has_its_own(tell, receiver, event, waits) -> None:
    receiver.answers = [500] * 8
    sink = tell()
    sink.take(event("Dog"))
    sink.take(event("Rain"))
    assert receiver.tags() == ["Rain"]
    assert sink.dropped == 1
    assert waits == [0.5, 1, 2, 4, 8, 16, 30]


def test_receiver_says_how_long_to_wait_within_bounds(tell, receiver, event, waits) -> None:
    receiver.answers = [(503, {"Retry-After": "7"}), (429, {"Retry-After": "9999"})]
    receiver.answers += [(503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"})]
    tell().take(event())
    assert waits == [7, 30, 2]


def test_reason_of_a_receiver_cannot_steer_a_terminal_nor_fill_the_log(
    tell, receiver, event, caplog, monkeypatch
) -> None:
    evil = "\x1b]0;PWNED\x07\x1b[31mEvil\x1b[2J" + "reason" * 1_000
    monkeypatch.setitem(Handler.responses, 500, (evil, ""))
    receiver.answers = [500]
    tell().take(event())
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("webhook: 127.0.0.1 answers 500 \\x1b]0;PWNED")
    assert line.isprintable()
    assert len(line) < 300


def test_trouble_is_one_line_per_change_and_shows_neither_path_nor_token(
    tell, receiver, event, caplog
) -> None:
    receiver.answers = [500, 500, 503, 204]
    with caplog.at_level(logging.INFO, "earmark"):
        sink = tell(token="s3cret")
        sink.take(event())
        sink.take(event())
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert "500" in lines[0]
    assert "503" in lines[1]
    assert "takes events again" in lines[2]
    assert "hidden" not in caplog.text
    assert "s3cret" not in caplog.text


def test_receiver_absent_at_first_gets_all_in_order(make_stream, event, wait_for) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started: list[Receiver] = []
    waited: list[float] = []

    def start_at_the_third_wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            started.append(Receiver(port))

    url = f"http://127.0.0.1:{port}/"
    sink = WebhookSink(make_stream(TAGS), url, wait=start_at_the_third_wait)
    queued = QueuedSink(sink)
    try:
        for number in range(20):
            queued.take(event(str(number)))
        wait_for(lambda: started and len(started[0].taken) == 20)
        assert started[0].tags() == [str(number) for number in range(20)]
        assert queued.dropped == 0
    finally:
        queued.close()
        for receiver in started:
            receiver.stop()


def test_receiver_that_hangs_slows_nobody_and_what_is_left_is_counted(
    receiver, options, make_stream, window, event, seconds_to_tell, caplog, wait_for
) -> None:
    receiver.answers = ["hang"] * 100
    queued = open_sink(options("--webhook", receiver.url), make_stream(TAGS))
    items = [window(0.5, 0.5), event()]
    assert seconds_to_tell(queued, items * 1_500) < 1
    wait_for(lambda: receiver.asked)
    queued.close()
    # Windows were never meant for it: they are not missed.
    assert queued.dropped == 1_500
    assert "1500 items did not arrive" in caplog.text


@pytest.mark.parametrize(
    "words",
    [
        ("--webhook", "ftp://hub/"),
        ("--webhook", "file:///etc/passwd"),
        ("--webhook", "hub"),
        ("--webhook", "http://"),
        ("--webhook", "http://hub:x/"),
        ("--webhook", "http://ada:hidden@hub/"),
        ("--webhook", "http://hub/a b"),
        ("--webhook", "http://a..b/"),
        ("--webhook", "http://.hub/"),
        ("--webhook", f"http://{'a' * 64}.b/"),
        ("--webhook", "http://["),
        ("--webhook", "http://hub/", "--webhook-tries", "0"),
        ("--webhook", "http://hub/", "--webhook-timeout", "0"),
        ("--webhook", "http://hub/", "--webhook-token-file", "nowhere"),
    ],
)
def test_impossible_options_are_wrong_usage(words, options, make_stream) -> None:
    with pytest.raises(UsageError, match=words[-2]) as told:
        open_sink(options(*words), make_stream(TAGS))
    assert "hidden" not in str(told.value)


def test_token_that_fits_into_no_header_is_wrong_usage(options, make_stream, monkeypatch) -> None:
    monkeypatch.setenv("EARMARK_WEBHOOK_TOKEN", "schlüssel")
    with pytest.raises(UsageError, match="printable ASCII"):
        open_sink(options("--webhook", "http://hub/"), make_stream(TAGS))


def test_live_posts_the_events_that_it_writes(
    receiver, tiny_bundle_folder, noise, tmp_path, capsys
) -> None:
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=2.5), 16_000)
    words = ["live", path, "--bundle", tiny_bundle_folder, "--device", "cpu", "--hop", 0.5]
    words += ["--threshold", 0.01, "--events", "--format", "jsonl", "--webhook", receiver.url]
    assert main([str(word) for word in words]) == 0
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [message for message in receiver.taken if message["type"] == "event"]
    assert len(told) == 5
    for message in told:
        del message["id"], message["end_time"], message["type"]
    assert told == written
