"""A server with a stream that tests tell, readers of it, and a browser."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.web.address import Address
from earmark.realtime.web.auth import Guard
from earmark.realtime.web.server import StreamServer

TAGS = ("Dog", "Rain")
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def serve(make_stream) -> Iterator[Callable[..., StreamServer]]:
    """Start a server at any free port of this machine: ``serve(token="s3cret")``."""
    started: list[StreamServer] = []

    def start(token: str | None = None, **changes: object) -> StreamServer:
        stream = make_stream(TAGS, **changes)
        server = StreamServer(stream, Address("127.0.0.1", 0), Guard(token, ["ears"]))
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def reader() -> Iterator[Callable[..., ClientConnection]]:
    """Connect to the stream of a server: ``reader(server, origin="http://elsewhere")``."""
    with ExitStack() as connected:

        def read(server: StreamServer, **options: object) -> ClientConnection:
            # The keepalive would be one thread more for each.
            options = {"ping_interval": None, "proxy": None, "compression": None, **options}
            return connected.enter_context(connect(f"ws://{server.address}/stream", **options))

        yield read


@pytest.fixture
def ask() -> Callable[..., tuple[int, dict, bytes]]:
    """Ask a server by HTTP: ``status, headers, body = ask(server, "/health")``."""
    opener = build_opener(ProxyHandler({}), _AllAnswers())

    def answer(
        server: StreamServer, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, dict, bytes]:
        request = Request(f"http://{server.address}{path}", headers=headers, method=method)
        with opener.open(request, timeout=10) as found:
            return found.status, dict(found.headers), found.read()

    return answer


@pytest.fixture
def window() -> Callable[..., WindowResult]:
    """Make the window that begins at a sample: ``window(0, 0.9, 0.1)``."""

    def make(start: int, *values: float) -> WindowResult:
        row = np.array(values, np.float32)
        halves = np.stack([row] * 4) / 2
        return WindowResult(start, start + 16_000, row, halves, 0.004, latency_seconds=0.04)

    return make


@pytest.fixture
def event() -> Callable[..., TagEvent]:
    """Make an event: ``event("Dog", start=1.25, end=2.0)``."""

    def make(tag: str = "Dog", start: float = 1.25, end: float = 2.0) -> TagEvent:
        return TagEvent(tag, start, end, peak=0.9, mean=0.75, branch="timbre")

    return make


class Browser:
    """A headless Chromium, driven by its own protocol.

    Args:
        program: Path of it.
        folder: For its profile; nothing else of the machine's is touched.
    """

    def __init__(self, program: str, folder: Path) -> None:
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
        self._process = subprocess.Popen(
            [program, *options, "--remote-debugging-port=0", f"--user-data-dir={folder}",
             "--no-proxy-server", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )  # fmt: skip
        place = next(line for line in self._process.stderr if "DevTools listening on" in line)
        address = place.split()[-1].split("/")[2]
        with build_opener(ProxyHandler({})).open(f"http://{address}/json/list") as answer:
            pages = [page for page in json.load(answer) if page["type"] == "page"]
        self._open = ExitStack()
        self._connection = self._open.enter_context(
            connect(pages[0]["webSocketDebuggerUrl"], max_size=None, ping_interval=None, proxy=None)
        )
        self._asked = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict:
        """Have something done and return what comes of it."""
        self._asked += 1
        call = {"id": self._asked, "method": method, "params": parameters}
        self._connection.send(json.dumps(call))
        while True:
            message = json.loads(self._connection.recv(timeout=20))
            if message.get("id") == self._asked:
                return message["result"]
            if message["method"] in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(message["params"]))

    def evaluate(self, expression: str) -> object:
        """Return what an expression of JavaScript gives; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a condition of JavaScript holds, for ten seconds at most."""
        answer = self.evaluate(
            "new Promise((done) => { const began = Date.now(); const look = () => "
            f"({condition}) ? done(true) : Date.now() - began > 10000 ? done(false) "
            ": setTimeout(look, 20); look(); })"
        )
        assert answer, (condition, self.evaluate("document.body.innerText"), self.complaints)

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def close(self) -> None:
        """End it."""
        self._open.close()
        # It may have been started by a script, and has children of its own: all are one group.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=20)
        self._process.stderr.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser of the test's own."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed: `make test` installs it on Debian")
    started = Browser(found, tmp_path / "profile")
    yield started
    started.close()


class _AllAnswers(HTTPErrorProcessor):
    """Takes any status for an answer."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        return response
