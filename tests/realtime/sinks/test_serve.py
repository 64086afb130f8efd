"""What ``--serve`` takes, and what it refuses."""

import json
import threading
from urllib.request import ProxyHandler, build_opener

import pytest
import soundfile
from websockets.sync.client import connect

from earmark.__main__ import main
from earmark.models.errors import UsageError
from earmark.realtime.commands.sink_options.serve import open_sink
from earmark.realtime.web.address import parse_address

TAGS = ("Dog", "Rain")


@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback"),
    [
        ("8080", "127.0.0.1", 8080, True),
        ("localhost:8080", "localhost", 8080, True),
        ("127.0.0.2:0", "127.0.0.2", 0, True),
        ("[::1]:8080", "::1", 8080, True),
        ("0.0.0.0:8080", "0.0.0.0", 8080, False),
        ("[::]:8080", "::", 8080, False),
        ("ears:8080", "ears", 8080, False),
    ],
)
def test_address_is_a_port_of_this_machine_unless_a_host_is_given(
    text, host, port, is_loopback
) -> None:
    address = parse_address(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, is_loopback)
    assert text.endswith(str(address).removeprefix("127.0.0.1:"))


@pytest.mark.parametrize(
    "text",
    ["", "web", ":", ":8080", "99999", "-1", "a b:80", "me@ears:80", "ears:80/x", "::1", "a..b:80"],
)
def test_what_is_no_address_is_wrong_usage(text) -> None:
    with pytest.raises(UsageError, match="--serve must be a port or HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_network_is_not_let_in_without_a_token_unless_it_is_said(
    host, options, make_stream
) -> None:
    with pytest.raises(UsageError, match=r"--serve-token-file FILE.*--serve-open"):
        open_sink(options("--serve", f"{host}:0"), make_stream(TAGS))


@pytest.mark.parametrize("way", ["file", "environment", "open"])
def test_network_is_let_in_with_a_token_or_when_it_is_said(
    way, options, make_stream, tmp_path, monkeypatch, caplog
) -> None:
    words = ["--serve", "0.0.0.0:0"]
    if way == "file":
        (tmp_path / "token").write_text("s3cret\n")
        words += ["--serve-token-file", str(tmp_path / "token")]
    elif way == "environment":
        monkeypatch.setenv("EARMARK_SERVE_TOKEN", "s3cret")
    else:
        words.append("--serve-open")
    with caplog.at_level("INFO", "earmark"):
        sink = open_sink(options(*words), make_stream(TAGS))
    sink.close()
    assert "serve: http://" in caplog.text
    assert "0.0.0.0" not in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("token", ["schlüssel", "two words", "tab\ttab"])
def test_token_that_fits_into_no_header_is_wrong_usage(
    token, options, make_stream, monkeypatch
) -> None:
    monkeypatch.setenv("EARMARK_SERVE_TOKEN", token)
    with pytest.raises(UsageError, match="printable ASCII"):
        open_sink(options("--serve", "0"), make_stream(TAGS))


def test_without_a_port_nothing_is_served(options, make_stream) -> None:
    assert open_sink(options(), make_stream(TAGS)) is None


def test_live_shows_its_readers_the_events_that_it_writes(
    tiny_bundle_folder, noise, tmp_path, capsys, caplog, wait_for
) -> None:
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=3.5), 16_000)
    heard: list[dict] = []
    health: list[dict] = []

    def read() -> None:
        wait_for(lambda: "serve: http://" in caplog.text)
        place = caplog.text.split("serve: http://")[1].split("/")[0]
        with connect(f"ws://{place}/stream", proxy=None, ping_interval=None) as connection:
            opener = build_opener(ProxyHandler({}))
            with opener.open(f"http://{place}/health", timeout=10) as answer:
                health.append(json.load(answer))
            heard.extend(json.loads(message) for message in connection)

    reading = threading.Thread(target=read)
    words = ["live", path, "--bundle", tiny_bundle_folder, "--device", "cpu", "--hop", 0.5]
    words += ["--threshold", 0.01, "--events", "--format", "jsonl", "--serve", "0"]
    with caplog.at_level("INFO", "earmark"):
        reading.start()
        assert main([str(word) for word in words]) == 0
        reading.join(timeout=10)
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [message for message in heard if message["type"] == "event"]
    assert len(told) == 5
    assert heard[0]["type"] == "hello"
    assert [m["liveness"] for m in heard if m["type"] == "state"][-1] == "ended"
    for message in told:
        del message["id"], message["end_time"], message["type"]
    assert told == written
    assert health[0]["sinks"]["serve"] == {"dropped": 0, "failure": ""}
