"""Told to real readers by WebSocket, and asked by HTTP."""

import asyncio
import base64
import json
import socket
import threading
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

from earmark.models.errors import EarmarkError
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.sinks.base import SinkStatus
from earmark.realtime.sinks.items import Gap, Notice, Sounding, StateChange
from earmark.realtime.web.address import Address
from earmark.realtime.web.auth import Guard
from earmark.realtime.web.server import StreamServer

TAGS = ("Dog", "Rain")


def told(connection) -> dict:
    return json.loads(connection.recv(timeout=10))


def refused(reader, server, **options: object) -> int:
    with pytest.raises(InvalidStatus) as refusal:
        reader(server, **options)
    return refusal.value.response.status_code


def test_reader_is_told_everything_in_order_after_what_it_has_to_know(
    serve, reader, window, event
) -> None:
    server = serve()
    connection = reader(server)
    hello = told(connection)
    assert (hello["type"], hello["source"], hello["tags"]) == ("hello", "desk", ["Dog", "Rain"])
    assert hello["thresholds"] == [0.5, 0.5]
    assert hello["liveness"] == "listening"
    items = [
        StateChange(0.0, Liveness.SILENT, "muted"),
        Sounding(1.5, ("Dog",)),
        event("Dog"),
        Gap(2.0, 3.0),
        Notice(3.0, "choose a longer hop"),
    ]
    for item in items:
        server.publish(item)
    messages = [told(connection) for _ in items]
    assert [message["type"] for message in messages] == [
        "state", "sounding", "event", "gap", "notice",
    ]  # fmt: skip
    assert messages[0]["liveness"] == "silent"
    assert messages[1]["tags"] == ["Dog"]
    assert (messages[2]["tag"], messages[2]["branch"]) == ("Dog", "timbre")
    server.publish(window(0, 0.9, 0.1))
    shown = told(connection)
    assert shown["probabilities"] == [0.9, 0.1]
    assert shown["branches"] == [[0.45, 0.05]] * 4
    assert (shown["latency"], shown["skipped"], shown["end"]) == (0.04, 0, 1.0)


def test_who_comes_later_is_told_of_the_newest_events_and_what_sounds(serve, reader, event) -> None:
    server = serve()
    for number in range(150):
        server.publish(event(str(number)))
    server.publish(Sounding(4.0, ("Rain",)))
    hello = told(reader(server))
    assert hello["sounding"] == ["Rain"]
    assert [e["tag"] for e in hello["events"]] == [str(number) for number in range(50, 150)]


def test_fifty_readers_get_everything(serve, window, event) -> None:
    server = serve()
    rounds = 20

    async def read(arrived: asyncio.Barrier) -> list[str]:
        types = []
        async with connect_async(
            f"ws://{server.address}/stream", ping_interval=None, proxy=None, compression=None
        ) as connection:
            types.append(json.loads(await connection.recv())["type"])
            for _ in range(rounds):
                await arrived.wait()
                types += [json.loads(await connection.recv())["type"] for _ in range(2)]
        return types

    async def tell(arrived: asyncio.Barrier) -> None:
        for number in range(rounds):
            # All have read what came before: none of them is slow.
            await arrived.wait()
            await asyncio.to_thread(server.publish, event(str(number)))
            await asyncio.to_thread(server.publish, window(1_600 * number, 0.5, 0.5))

    async def everyone() -> list[list[str]]:
        arrived = asyncio.Barrier(51)
        async with asyncio.timeout(60):
            *read_by_each, _ = await asyncio.gather(
                *(read(arrived) for _ in range(50)), tell(arrived)
            )
        return read_by_each

    assert asyncio.run(everyone()) == [["hello"] + ["event", "window"] * rounds] * 50
    assert server.dropped == 0


def test_reader_that_never_reads_slows_nobody_and_is_told_what_it_missed(
    serve, reader, window, event
) -> None:
    server = serve()
    # A receive buffer of its own size: how much the system takes is not to be waited for.
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.connect(("127.0.0.1", server.address.port))
    stuck = reader(server, sock=sock, max_queue=1)
    quick = reader(server)
    assert told(quick)["type"] == "hello"
    long = "x" * 2_000
    for number in range(1_000):
        server.publish(event(f"{number} {long}"))
        assert told(quick)["tag"].startswith(f"{number} ")
        server.publish(window(1_600 * number, 0.5, 0.5))
        assert told(quick)["start"] == pytest.approx(0.1 * number)
    assert server.dropped > 300
    # Once it reads, what is left comes in order, with the count of what does not.
    types, numbers, missed, newest = [], [], 0, None
    while newest != pytest.approx(99.9):
        message = told(stuck)
        types.append(message["type"])
        if message["type"] == "event":
            numbers.append(int(message["tag"].split()[0]))
        elif message["type"] == "dropped":
            missed += message["dropped"]
        elif message["type"] == "window":
            newest = message["start"]
    assert numbers == sorted(numbers)
    assert missed == server.dropped == 1_000 - len(numbers)
    # Windows are never late: of those that waited, the newest alone was kept.
    assert types.count("window") < 200


def test_nothing_but_the_address_itself_may_be_the_origin(serve, reader) -> None:
    server = serve()
    own = f"http://{server.address}"
    assert told(reader(server, origin=own))["type"] == "hello"
    assert told(reader(server))["type"] == "hello"
    for origin in ("http://elsewhere.example", "http://127.0.0.1:1", "null", f"{own}.example"):
        assert refused(reader, server, origin=origin) == 403


@pytest.mark.parametrize("path", ["/", "/health", "/stream"])
@pytest.mark.parametrize("origin", ["http://[", "http://[x]", "//[", "http://[::1"])
def test_origin_that_is_no_address_is_a_bad_request(origin, path, serve, ask) -> None:
    status, _, _ = ask(serve(), path, Origin=origin)
    assert status == 400


@pytest.mark.parametrize("target", ["//[", "//[x]/health", "http://["])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_target_that_is_no_address_is_a_bad_request(target, method, serve) -> None:
    server = serve()
    with socket.create_connection((server.address.host, server.address.port), 10) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: {server.address}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 400"


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("localhost", True), ("127.0.0.1", True), ("192.168.1.7", True), ("[::1]", True),
        ("ears", True), ("EARS.local", True), ("elsewhere.example", False),
        ("127.0.0.1.example", False),
    ],
)  # fmt: skip
def test_foreign_name_for_this_machine_is_refused_unless_a_token_guards_it(
    name, is_own, serve, ask
) -> None:
    open_to_all, guarded = serve(), serve(token="s3cret")
    for path in ("/", "/health", "/stream"):
        status, _, _ = ask(open_to_all, path, Host=f"{name}:{open_to_all.address.port}")
        assert (status != 421) == is_own
        status, _, _ = ask(guarded, path, Host=f"{name}:{guarded.address.port}")
        assert status != 421


def test_token_is_accepted_as_a_header_and_as_a_subprotocol(serve, reader) -> None:
    server = serve(token="s3cret")
    assert told(reader(server, additional_headers={"Authorization": "Bearer s3cret"}))
    offered = base64.urlsafe_b64encode(b"s3cret").decode().rstrip("=")
    connection = reader(server, subprotocols=["earmark", f"earmark.token.{offered}"])
    # The token is not among what is sent back.
    assert connection.subprotocol == "earmark"
    assert told(connection)["type"] == "hello"


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "Basic s3cret", "s3cret"])
def test_without_the_token_nothing_is_told(given, serve, reader) -> None:
    server = serve(token="s3cret")
    headers = {} if given is None else {"Authorization": given}
    assert refused(reader, server, additional_headers=headers) == 401
    for wrong in ("czNjcmVu", "*", ""):
        assert refused(reader, server, subprotocols=[f"earmark.token.{wrong}"]) == 401


def test_health_without_the_token_says_no_more_than_whether_it_is_well(serve, ask) -> None:
    server = serve(token="s3cret")
    status, _, body = ask(server, "/health")
    assert (status, json.loads(body)) == (200, {"status": "well", "wants_token": True})
    status, headers, _ = ask(server, "/health", Authorization="Bearer wrong")
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    _, _, body = ask(server, "/health", Authorization="Bearer s3cret")
    assert json.loads(body)["source"] == "desk"


def test_health_tells_all_there_is_to_know(serve, ask, reader, make_stream) -> None:
    status = replace(
        make_stream(TAGS).status(),
        skipped=3,
        latency_ms=(float("nan"), float("nan")),
        sinks={"mqtt": SinkStatus(7), "osc": SinkStatus(0, "no route")},
    )
    server = serve(status=lambda: status)
    told(reader(server))
    code, headers, body = ask(server, "/health")
    assert (code, headers["Content-Type"]) == (200, "application/json")
    found = json.loads(body)
    assert found["status"] == "well"
    assert found["seconds_since_result"] < 10
    assert (found["skipped"], found["readers"], found["bundle"]) == (3, 1, "tiny")
    assert found["latency_ms"] == {"median": None, "p95": None}
    assert found["sinks"] == {
        "mqtt": {"dropped": 7, "failure": ""},
        "osc": {"dropped": 0, "failure": "no route"},
    }
    assert found["version"]


def test_health_of_a_stream_that_has_failed_is_503(serve, ask, make_stream) -> None:
    failed = replace(make_stream(TAGS).status(), liveness=Liveness.FAILED, reason="unplugged")
    code, _, body = ask(serve(status=lambda: failed), "/health")
    assert code == 503
    assert json.loads(body)["reason"] == "unplugged"


def test_what_is_not_there_or_not_understood_is_refused(serve, ask) -> None:
    server = serve()
    assert ask(server, "/../pyproject.toml")[0] == 404
    assert ask(server, "/page/index.html")[0] == 404
    assert ask(server, "/stream")[0] == 426


def test_watchers_may_ask_for_the_head_alone_and_nothing_can_be_changed(serve, ask) -> None:
    server = serve()
    status, headers, body = ask(server, "/health", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 100
    assert ask(server, "/health", "DELETE")[0] == 405


def test_readers_are_told_goodbye_and_silent_strangers_are_not_waited_for(serve, reader) -> None:
    server = serve()
    connection = reader(server)
    told(connection)
    with socket.create_connection(("127.0.0.1", server.address.port)):
        closing = threading.Thread(target=server.close)
        closing.start()
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
        closing.join(timeout=2)
        assert not closing.is_alive()
    assert closed.value.rcvd.code == CloseCode.GOING_AWAY


def test_place_that_is_taken_is_named(serve, make_stream) -> None:
    server = serve()
    with pytest.raises(EarmarkError, match=f"--serve cannot listen at {server.address}"):
        StreamServer(make_stream(TAGS), Address("127.0.0.1", server.address.port), Guard(None))
