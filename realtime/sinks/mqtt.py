"""Events and states, written to an MQTT broker that may come and go."""

import logging
import ssl
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from earmark.models.errors import UsageError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.records import TagChoice

from .base import LiveStream
from .items import Item, Sounding, StateChange
from .messages import as_json, event_message, state_message, window_message
from .mqtt_address import MqttAddress

_LOG = logging.getLogger("earmark")

# A broker that says nothing for half as long again is taken for gone.
_KEEPALIVE_SECONDS = 15

# At the end, for what is still on its way.
_CLOSING_SECONDS = 0.4


class MqttSink:
    """Publishes what is heard; while the broker is away, events wait for it.

    Below the prefix: ``events`` and ``windows`` (JSON objects), and, retained: ``sounding`` (JSON
    list of tags), ``state`` (JSON object) and ``availability`` (``online`` or ``offline``). Events
    arrive at least once each; the rest as often as it is sure of a connection.

    Args:
        stream: What is listened to.
        address: Of the broker.
        windows: Which tags of windows are told; None: no windows.
        retained: What else is to be retained, by topic.
        ca_file: Certificates to trust; None: those of the system.
        reconnect_seconds: Shortest and longest time between two tries.
        most_waiting: Events that may wait for the broker.

    Raises:
        UsageError: If the certificates cannot be read.
    """

    name = "mqtt"

    def __init__(
        self,
        stream: LiveStream,
        address: MqttAddress,
        *,
        windows: TagChoice | None = None,
        retained: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        reconnect_seconds: tuple[int, int] = (1, 30),
        most_waiting: int = 1_000,
    ) -> None:
        self.dropped = 0
        self._stream = stream
        self._prefix = address.prefix
        self._windows = windows
        self._place = f"{address.host}:{address.port}"
        # Told again each time that a broker, which may have forgotten it, is reached.
        self._retained = {
            **(retained or {}),
            self._topic("availability"): "online",
            self._topic("sounding"): "[]",
        }
        self._lock = threading.Lock()
        self._is_connected = False
        self._is_closed = False
        self._said = ""
        self._unacknowledged: set[int] = set()
        self._acknowledged: deque[int] = deque()
        self._acknowledgement = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, f"earmark-{uuid.uuid4().hex[:12]}")
        self._client.max_queued_messages_set(most_waiting)
        self._client.reconnect_delay_set(*reconnect_seconds)
        self._client.username_pw_set(address.user, address.password)
        if address.is_encrypted:
            self._trust(ca_file)
        self._client.will_set(self._topic("availability"), "offline", qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect_async(address.host, address.port, keepalive=_KEEPALIVE_SECONDS)
        self._client.loop_start()

    def take(self, item: Item) -> None:
        """Publish an item, if it is of those that are told."""
        with self._lock:
            if isinstance(item, TagEvent):
                self._publish_event(as_json(event_message(self._stream, item)))
            elif isinstance(item, Sounding):
                self._retain("sounding", as_json(item.tags))
            elif isinstance(item, StateChange):
                self._retain("state", as_json(state_message(self._stream, item)))
            elif isinstance(item, WindowResult) and self._windows is not None:
                self._publish_window(item, self._windows)

    def close(self) -> None:
        """Wait a moment for what is on its way, say goodbye and leave."""
        if self._is_closed:
            return
        self._is_closed = True
        deadline = time.monotonic() + _CLOSING_SECONDS
        while self._is_connected and self._waiting() and time.monotonic() < deadline:
            self._acknowledgement.wait(deadline - time.monotonic())
            self._acknowledgement.clear()
        self.dropped += len(self._waiting())
        if self._is_connected:
            # The last will is for those who leave without a word.
            farewell = self._publish(self._topic("availability"), "offline", is_retained=True)
            if farewell.rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
                farewell.wait_for_publish(_CLOSING_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def _topic(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _trust(self, ca_file: Path | None) -> None:
        try:
            self._client.tls_set(None if ca_file is None else str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"--mqtt-ca {ca_file}: {error.strerror or error}") from error

    def _publish(self, topic: str, payload: str, *, is_retained: bool) -> MQTTMessageInfo:
        return self._client.publish(topic, payload, qos=0, retain=is_retained)

    def _publish_event(self, payload: str) -> None:
        info = self._client.publish(self._topic("events"), payload, qos=1)
        if info.rc is MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self.dropped += 1
            return
        self._unacknowledged.add(info.mid)
        self._waiting()

    def _publish_window(self, result: WindowResult, choice: TagChoice) -> None:
        if not self._is_connected:
            self.dropped += 1  # nobody wants to know later what was probable now
            return
        payload = as_json(window_message(self._stream, result, choice))
        info = self._publish(self._topic("windows"), payload, is_retained=False)
        self.dropped += info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS

    def _retain(self, name: str, payload: str) -> None:
        self._retained[self._topic(name)] = payload
        if self._is_connected:
            self._publish(self._topic(name), payload, is_retained=True)

    def _waiting(self) -> set[int]:
        """Return the ids of the events that the broker has not acknowledged."""
        while self._acknowledged:
            self._unacknowledged.discard(self._acknowledged.popleft())
        return self._unacknowledged

    def _say(self, text: str, level: int = logging.WARNING) -> None:
        if text != self._said and not self._is_closed:
            self._said = text
            _LOG.log(level, "mqtt: %s", text)

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._say(f"{self._place} refuses: {reason}; it is tried again")
            return
        self._say(f"connected to {self._place}", logging.INFO)
        with self._lock:
            self._is_connected = True
            for topic, payload in self._retained.items():
                self._publish(topic, payload, is_retained=True)

    def _on_connect_fail(self, client: Client, userdata: object) -> None:
        # Called while the failure is being handled: that is the only way to learn of it.
        self._say(f"{self._place} cannot be reached ({sys.exception()}); it is tried again")

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        was_connected, self._is_connected = self._is_connected, False
        if was_connected:
            self._say(f"{self._place} is gone; events wait for it")

    def _on_publish(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reason: ReasonCode,
        properties: Properties,
    ) -> None:
        # No lock: the library holds its own, which publishing waits for while it holds ours.
        self._acknowledged.append(mid)
        self._acknowledgement.set()
