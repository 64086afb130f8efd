"""Told to the real broker, mosquitto, run by the test itself."""

import getpass
import json
import logging
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jinja2.sandbox import SandboxedEnvironment
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from earmark.__main__ import main
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.commands.sink_options.mqtt import open_sink
from earmark.realtime.files.records import TagChoice
from earmark.realtime.sinks.home_assistant import discovery
from earmark.realtime.sinks.items import Sounding, StateChange
from earmark.realtime.sinks.mqtt import MqttSink
from earmark.realtime.sinks.mqtt_address import MqttAddress, parse_address
from earmark.realtime.sinks.queued import QueuedSink

TAGS = ("Dog", "Baby cry, infant cry", 'Child\'s "ä"')
EVENTS, SOUNDING = "earmark/desk/events", "earmark/desk/sounding"
STATE, AVAILABILITY = "earmark/desk/state", "earmark/desk/availability"


def mosquitto(program: str = "mosquitto") -> str:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed: `make test` installs it on Debian")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Broker:
    """A mosquitto that can be killed and started again, forgetting everything."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, wait_for, *settings: str) -> None:
        config = self.folder / "mosquitto.conf"
        settings = settings or ("allow_anonymous true",)
        head = (f"listener {self.port} 127.0.0.1", f"user {getpass.getuser()}", "persistence false")
        config.write_text("\n".join((*head, *settings)) + "\n")
        self.process = subprocess.Popen(
            [mosquitto(), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def address(self, **changes: object) -> MqttAddress:
        return MqttAddress(
            **{"host": "127.0.0.1", "port": self.port, "prefix": "earmark/desk", **changes}
        )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def broker(tmp_path: Path, wait_for) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    try:
        broker.start(wait_for)
        yield broker
    finally:
        broker.kill()


class Listener:
    """Another program at the broker, that is told all."""

    def __init__(self, broker: Broker, wait_for) -> None:
        self.messages: list[MQTTMessage] = []
        self._is_subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.on_message = lambda client, data, message: self.messages.append(message)
        self._client.on_subscribe = lambda *arguments: self._is_subscribed.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        wait_for(self._is_subscribed.is_set)

    def on(self, topic: str) -> list[str]:
        return [m.payload.decode() for m in self.messages if m.topic == topic]

    def tags(self) -> list[str]:
        return [json.loads(text)["tag"] for text in self.on(EVENTS)]

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def listen(wait_for) -> Iterator:
    """Listen at a broker: ``listen(broker)``."""
    listeners = []

    def start(broker: Broker) -> Listener:
        listeners.append(Listener(broker, wait_for))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.leave()


@pytest.fixture
def tell(make_stream) -> Iterator:
    """Make a sink that tells a broker, quick to come back: ``tell(broker.address())``."""
    sinks = []

    def start(address: MqttAddress, **changes: object) -> MqttSink:
        sink = MqttSink(make_stream(TAGS), address, reconnect_seconds=(1, 1), **changes)
        sinks.append(sink)
        return sink

    yield start
    for sink in sinks:
        sink.close()


def test_events_arrive_with_their_times_of_day(broker, listen, tell, event, wait_for) -> None:
    listener = listen(broker)
    tell(broker.address()).take(event("Baby cry, infant cry"))
    wait_for(lambda: listener.on(EVENTS))
    (message,) = [m for m in listener.messages if m.topic == EVENTS]
    told = json.loads(message.payload)
    assert (message.qos, message.retain) == (1, False)
    assert told["tag"] == "Baby cry, infant cry"
    assert (told["start"], told["end"], told["peak"], told["file"]) == (1.25, 2.0, 0.9, "desk")
    assert np.datetime64(told["time"][:-6]) + 750 == np.datetime64(told["end_time"][:-6])
    assert told["time"].endswith(told["end_time"][-6:])


def test_who_comes_late_is_told_what_sounds_and_how_the_source_is(
    broker, listen, tell, wait_for
) -> None:
    before = listen(broker)
    sink = tell(broker.address())
    sink.take(Sounding(3.0, ("Dog", TAGS[2])))
    sink.take(StateChange(4.0, Liveness.RECOVERING, "pulled out"))
    wait_for(lambda: before.on(STATE) and len(before.on(SOUNDING)) > 0)
    wait_for(lambda: json.loads(before.on(SOUNDING)[-1]) == ["Dog", TAGS[2]])
    late = listen(broker)
    wait_for(lambda: len(late.messages) == 3)
    assert json.loads(late.on(SOUNDING)[0]) == ["Dog", TAGS[2]]
    state = json.loads(late.on(STATE)[0])
    assert (state["liveness"], state["reason"], state["at"]) == ("recovering", "pulled out", 4.0)
    assert late.on(AVAILABILITY) == ["online"]


def test_windows_are_told_only_if_asked_for(broker, listen, tell, window, event, wait_for) -> None:
    listener = listen(broker)
    choice = TagChoice(TAGS, BRANCH_NAMES, top=2)
    asked, other = tell(broker.address(), windows=choice), tell(broker.address(prefix="other"))
    wait_for(lambda: listener.on(AVAILABILITY) and listener.on("other/availability"))
    for sink in (asked, other):
        sink.take(window(0.1, 0.7, 0.2))
        sink.take(event())
    wait_for(lambda: listener.on(EVENTS) and listener.on("other/events"))
    (told,) = listener.on("earmark/desk/windows")
    assert json.loads(told)["tags"] == {TAGS[1]: 0.7, TAGS[2]: 0.2}
    assert not listener.on("other/windows")


def test_last_will_tells_of_an_end_without_a_word(broker, listen, tell, wait_for) -> None:
    listener = listen(broker)
    sink = tell(broker.address())
    wait_for(lambda: listener.on(AVAILABILITY) == ["online"])
    sink._client.socket().shutdown(socket.SHUT_RDWR)
    wait_for(lambda: listener.on(AVAILABILITY) == ["online", "offline", "online"])
    sink.close()
    wait_for(lambda: listener.on(AVAILABILITY)[3:] == ["offline"])


def test_events_outlast_a_broker_that_is_killed_and_started_again(
    broker, listen, tell, event, wait_for
) -> None:
    before = listen(broker)
    sink = tell(broker.address())
    sink.take(event("first"))
    wait_for(lambda: before.tags() == ["first"])
    broker.kill()
    wait_for(lambda: not sink._is_connected)
    sink.take(event("second"))
    sink.take(Sounding(3.0, ("Dog",)))
    sink.take(event("third"))
    broker.start(wait_for)
    after = listen(broker)
    wait_for(lambda: len(after.tags()) >= 2)
    sink.take(event("fourth"))
    wait_for(lambda: after.tags()[-1] == "fourth")
    # Those that came before the listener was back are not told again: it is asked for the rest.
    assert after.tags() == ["second", "third", "fourth"]
    assert after.on(AVAILABILITY) == ["online"]
    assert after.on(SOUNDING) == ['["Dog"]']
    assert sink.dropped == 0


def test_broker_that_is_never_there_is_one_line_and_what_is_lost_is_counted(
    tell, event, caplog, wait_for
) -> None:
    with caplog.at_level(logging.INFO, "earmark"):
        sink = tell(MqttAddress("127.0.0.1", free_port(), "earmark/desk"), most_waiting=10)
        fails = []
        told = sink._client.on_connect_fail
        sink._client.on_connect_fail = lambda *a: (told(*a), fails.append(1))
        for _ in range(15):
            sink.take(event())
        wait_for(lambda: len(fails) >= 2)
        assert sink.dropped == 5
        sink.close()
    assert sink.dropped == 15
    (line,) = [r.getMessage() for r in caplog.records]
    assert "cannot be reached" in line
    assert "refused" in line


def test_broker_that_hangs_slows_nobody(tell, window, event, seconds_to_tell) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        choice = TagChoice(TAGS, BRANCH_NAMES, top=2)
        sink = tell(MqttAddress(*deaf.getsockname(), "earmark/desk"), windows=choice)
        queued = QueuedSink(sink)
        assert seconds_to_tell(queued, [window(0.1, 0.7, 0.2), event()] * 300) < 0.5
        queued.close()
        assert queued.dropped == 600


def test_wrong_password_is_one_line_and_the_right_one_is_taken(
    tmp_path, listen, tell, event, wait_for, caplog
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    words = [mosquitto("mosquitto_passwd"), "-b", str(passwords), "ada", "p@ss"]
    subprocess.run(words, check=True, capture_output=True)
    broker = Broker(tmp_path)
    try:
        broker.start(wait_for, "allow_anonymous false", f"password_file {passwords}")
        with caplog.at_level(logging.INFO, "earmark"):
            wrong = tell(broker.address(user="ada", password="pass"))
            wait_for(lambda: caplog.records)
            right = tell(
                parse_address(
                    f"mqtt://ada:p%40ss@127.0.0.1:{broker.port}",
                    None,
                    default_prefix="earmark/desk",
                )
            )
            wait_for(lambda: right._is_connected)
        assert not wrong._is_connected
        (refusal,) = [r.getMessage() for r in caplog.records if "refuses" in r.getMessage()]
        assert "p@ss" not in caplog.text
        assert "Not authorized" in refusal
    finally:
        broker.kill()


# The library lets go of a socket whose handshake failed without closing it.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_encrypted_broker_is_trusted_by_its_certificate_alone(
    tmp_path, tell, wait_for, caplog
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    made = [*words.split(), "-addext", names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    broker = Broker(tmp_path)
    try:
        settings = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
        broker.start(wait_for, *settings)
        trusting = tell(broker.address(is_encrypted=True), ca_file=certificate)
        wait_for(lambda: trusting._is_connected)
        tell(broker.address(is_encrypted=True))
        wait_for(lambda: "certificate verify failed" in caplog.text.lower())
    finally:
        broker.kill()


def test_home_assistant_finds_the_tags_that_can_sound(
    broker, listen, tell, make_stream, wait_for
) -> None:
    stream = make_stream(TAGS, thresholds=np.array([0.5, 2.0, 0.5], np.float32))
    listener = listen(broker)
    tell(broker.address(), retained=discovery(stream, "earmark/desk", "homeassistant"))
    wait_for(lambda: listener.on(SOUNDING))
    found = {
        m.topic: m.payload.decode()
        for m in listener.messages
        if m.topic.startswith("homeassistant/")
    }
    dropped = "homeassistant/binary_sensor/earmark_desk_tag_baby_cry_infant_cry/config"
    assert found.pop(dropped) == ""
    configs = {topic: json.loads(text) for topic, text in found.items()}
    for topic, config in configs.items():
        component, object_id = topic.split("/")[1:3]
        assert component in ("binary_sensor", "sensor")
        assert object_id == config["unique_id"]
        assert config["device"]["identifiers"] == ["earmark_desk"]
        assert config["state_topic"] in (EVENTS, SOUNDING, STATE)
        assert ("availability" in config) != ("availability_topic" in config)
    names = {config["name"] for config in configs.values()}
    assert names == {"Dog", TAGS[2], "Newest event", "State"}


def rendered(template: str, payload: str) -> str:
    """Return what Home Assistant makes of a payload."""
    return (
        SandboxedEnvironment()
        .from_string(template)
        .render(value=payload, value_json=json.loads(payload))
    )


def test_templates_say_what_they_should_to_home_assistants_engine(
    broker, listen, tell, make_stream, event, wait_for
) -> None:
    found = discovery(make_stream(TAGS), "earmark/desk", "homeassistant")
    configs = {json.loads(text)["name"]: json.loads(text) for text in found.values()}
    listener = listen(broker)
    sink = tell(broker.address())
    sink.take(Sounding(1.0, (TAGS[2], "Dog")))
    sink.take(event())
    sink.take(StateChange(2.0, Liveness.FAILED, "gone"))
    wait_for(lambda: listener.on(EVENTS) and listener.on(STATE))
    wait_for(lambda: listener.on(SOUNDING)[-1] != "[]")
    sounding, state = listener.on(SOUNDING)[-1], listener.on(STATE)[-1]
    shown = {tag: rendered(configs[tag]["value_template"], sounding) for tag in TAGS}
    assert shown == {TAGS[0]: "ON", TAGS[1]: "OFF", TAGS[2]: "ON"}
    newest = configs["Newest event"]["value_template"]
    assert rendered(newest, listener.on(EVENTS)[0]) == "Dog"
    liveness = rendered(configs["State"]["value_template"], state)
    assert liveness == "failed"
    assert liveness in configs["State"]["options"]
    heard = configs["Dog"]["availability"][1]
    assert (heard["topic"], rendered(heard["value_template"], state)) == (STATE, "offline")
    assert rendered(heard["value_template"], state.replace("failed", "listening")) == "online"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("mqtt://hub", MqttAddress("hub", 1883, "x")),
        ("mqtts://hub/home/ears/", MqttAddress("hub", 8883, "home/ears", is_encrypted=True)),
        ("mqtt://a%40b:c%3Ad@[::1]:99", MqttAddress("::1", 99, "x", user="a@b", password="c:d")),
    ],
)
def test_address_is_read_from_its_url(url: str, wanted: MqttAddress) -> None:
    assert parse_address(url, None, default_prefix="x") == wanted


@pytest.mark.parametrize(
    "url",
    [
        "hub",
        "http://hub",
        "mqtt://",
        "mqtt://hub:0x1",
        "mqtt://hub/a/#",
        "mqtt://hub/+/a",
        "mqtt://hub:99999",
        "mqtt://hub:0",
        "mqtt://a..b",
        "mqtt://hub?x=1",
        "mqtt://:secret@hub",
    ],
)
def test_address_that_is_none_is_wrong_usage_and_shows_no_password(url: str) -> None:
    with pytest.raises(UsageError, match="--mqtt") as told:
        parse_address(url, None, default_prefix="x")
    assert "secret" not in str(told.value)


def test_password_comes_from_a_file_before_the_environment(
    tmp_path, options, make_stream, monkeypatch
) -> None:
    (tmp_path / "password").write_text("from file\n")
    monkeypatch.setenv("EARMARK_MQTT_PASSWORD", "from environment")
    url = f"mqtt://ada@127.0.0.1:{free_port()}"
    for words, wanted in (
        (["--mqtt-password-file", str(tmp_path / "password")], b"from file"),
        ([], b"from environment"),
    ):
        queued = open_sink(options("--mqtt", url, *words), make_stream(TAGS))
        assert queued._sink._client._password == wanted
        queued.close()
    with pytest.raises(UsageError, match="--mqtt-password-file"):
        open_sink(options("--mqtt", url, "--mqtt-password-file", "nowhere"), make_stream(TAGS))


def test_live_tells_the_broker_the_events_that_it_writes(
    broker, listen, tiny_bundle_folder, noise, tmp_path, capsys, wait_for
) -> None:
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=2.5), 16_000)
    listener = listen(broker)
    words = ["live", path, "--bundle", tiny_bundle_folder, "--device", "cpu", "--hop", 0.5]
    words += ["--threshold", 0.01, "--events", "--format", "jsonl"]
    words += ["--mqtt", f"mqtt://127.0.0.1:{broker.port}/earmark/desk", "--mqtt-discovery"]
    assert main([str(word) for word in words]) == 0
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wait_for(lambda: listener.on(AVAILABILITY)[-1] == "offline")
    told = [json.loads(text) for text in listener.on(EVENTS)]
    assert len(told) == 5
    for event in told:
        del event["id"], event["end_time"]
    assert told == written
    assert [json.loads(text)["liveness"] for text in listener.on(STATE)][-1] == "ended"


@pytest.mark.parametrize(
    ("words", "prefix"),
    [
        ((), "earmark/pi_in_the_shed/desk"),
        (("--name", "garden"), "earmark/desk"),
        (("--mqtt", "mqtt://127.0.0.1/home/ears"), "home/ears"),
    ],
)
def test_machines_with_microphones_of_one_name_have_topics_of_their_own(
    words, prefix, options, make_stream, monkeypatch
) -> None:
    monkeypatch.setattr(
        "earmark.realtime.commands.sink_options.mqtt.gethostname", lambda: "Pi-in-the-shed"
    )
    monkeypatch.setattr(Client, "connect_async", lambda *_, **__: None)
    queued = open_sink(options("--mqtt", "mqtt://127.0.0.1:1", *words), make_stream(TAGS))
    assert queued._sink._prefix == prefix
    queued.close()
