"""The page: what it consists of, and what it shows in a real browser."""

import re

import pytest

from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.sinks.items import Sounding, StateChange
from earmark.realtime.web.answers import PAGE


@pytest.mark.parametrize("path", PAGE)
def test_page_has_no_foreign_url_and_a_strict_policy(path, serve, ask) -> None:
    status, headers, body = ask(serve(), path)
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    text = body.decode()
    urls = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", text))
    assert urls <= {"http://www.w3.org/2000/svg"}, urls  # a name, never fetched
    assert "innerHTML" not in text


def test_everything_that_the_page_names_is_served(serve, ask) -> None:
    server = serve()
    _, _, html = ask(server, "/")
    named = set(re.findall(r'(?:href|src)="([^"]+)"', html.decode()))
    for path in PAGE:
        if path.endswith(".js"):
            named |= set(re.findall(r'from "\./([^"]+)"', ask(server, path)[2].decode()))
    assert {f"/{name}" for name in named} == set(PAGE) - {"/"}
    # What would be written into it is forbidden by its own policy.
    assert not re.search(rb"<style|<script>|\sstyle=|\son\w+=", html)


@pytest.mark.slow
def test_browser_shows_bars_events_and_state_of_a_running_stream(
    serve, browser, window, event
) -> None:
    server = serve()
    server.publish(event("Rain"))
    browser.open(f"http://{server.address}/")
    browser.until("document.body.dataset.state === 'listening'")
    for number in range(12):
        server.publish(window(1_600 * number, 0.9, 0.2))
    bar = "document.querySelector('.row.heard .track[role=meter]')"
    browser.until(f"{bar} && {bar}.getAttribute('aria-valuenow') === '90'")
    assert browser.evaluate(f"{bar}.getAttribute('aria-label')") == "Dog, all four together"
    beliefs = "[...document.querySelectorAll('.row')[0].querySelectorAll('.mini .percent')]"
    assert browser.evaluate(f"{beliefs}.map((one) => one.textContent)") == ["45 %"] * 4
    browser.until(
        "document.querySelector('.row .fill').getBoundingClientRect().right > "
        "document.querySelector('.row .track').getBoundingClientRect().left + 50"
    )
    # The event that was there before the page, and one that comes now.
    server.publish(event("Dog"))
    server.publish(Sounding(2.5, ("Dog",)))
    browser.until("document.querySelectorAll('#events tr').length === 2")
    assert "Dog" in browser.evaluate("document.querySelector('#events tr').innerText")
    assert browser.evaluate("document.querySelector('#sounding').textContent") == "Sounding: Dog"
    server.publish(StateChange(3.0, Liveness.RECOVERING, "USB was lost: it was unplugged"))
    browser.until("document.querySelector('#state').textContent === 'Recovering'")
    assert "unplugged" in browser.evaluate("document.querySelector('#reason').textContent")
    assert browser.complaints == []


@pytest.mark.slow
def test_browser_connects_again_by_itself_and_the_layout_stays(serve, browser, window) -> None:
    server = serve()
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=844,
        deviceScaleFactor=2,
        mobile=True,
    )
    browser.open(f"http://{server.address}/")
    browser.until("document.body.dataset.state === 'listening'")
    boxes = (
        "JSON.stringify([...document.querySelectorAll('.panel, header, #rows')]"
        ".map((box) => { const {x, y, width, height} = box.getBoundingClientRect();"
        " return [x, y, width, height]; }))"
    )
    before = browser.evaluate(boxes)
    # Nothing is wider than a telephone.
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    server.publish(window(0, 0.9, 0.2))
    browser.until("document.querySelector('.row.heard')")
    assert browser.evaluate(boxes) == before
    # As if the network had gone: the server sees the same as when a laptop is closed.
    for client in tuple(server._connections):
        server._loop.call_soon_threadsafe(client.transport.abort)
    browser.until("document.body.dataset.state === 'lost'")
    assert browser.evaluate(boxes) == before
    browser.until("document.body.dataset.state === 'listening'")


@pytest.mark.slow
def test_browser_asks_for_the_token_and_keeps_it(serve, browser) -> None:
    server = serve(token="s3cret")
    browser.open(f"http://{server.address}/")
    browser.until("document.querySelector('#ask').open")
    enter = (
        "document.querySelector('#token').value = '{}';"
        "document.querySelector('#ask-form button').click()"
    )
    browser.evaluate(enter.format("guess"))
    browser.until("document.querySelector('#ask').open && document.querySelector('.wrong')")
    browser.evaluate(enter.format("s3cret"))
    browser.until("document.body.dataset.state === 'listening'")
    browser.open(f"http://{server.address}/")
    browser.until("document.body.dataset.state === 'listening'")


@pytest.mark.slow
def test_token_behind_the_address_is_taken_and_hidden(serve, browser) -> None:
    server = serve(token="s3cret")
    browser.open(f"http://{server.address}/")
    browser.until("document.querySelector('#ask').open")
    browser.open(f"http://{server.address}/#token=s3cret")
    browser.until("document.body.dataset.state === 'listening'")
    assert not browser.evaluate("document.querySelector('#ask').open")
    assert browser.evaluate("location.href") == f"http://{server.address}/"
