"""``--mqtt``: what is heard, told to an MQTT broker, and so to Home Assistant."""

import argparse
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the sink."""
    group = parser.add_argument_group("mqtt")
    group.add_argument(
        "--mqtt",
        default=None,
        metavar="URL",
        help="tell a broker: mqtt[s]://[user[:password]@]host[:port][/topic-prefix]; the prefix is "
        "earmark/, the name of this machine and that of the source, or that of --name alone",
    )
    group.add_argument(
        "--mqtt-password-file",
        type=Path,
        default=None,
        metavar="FILE",
        help="holds the password, which may also be in EARMARK_MQTT_PASSWORD",
    )
    group.add_argument(
        "--mqtt-ca",
        type=Path,
        default=None,
        metavar="FILE",
        help="certificates to trust with mqtts, in PEM; without it: those of the system",
    )
    group.add_argument("--mqtt-windows", action="store_true", help="tell each window, too")
    group.add_argument(
        "--mqtt-discovery", action="store_true", help="let Home Assistant find the tags"
    )
    group.add_argument(
        "--mqtt-discovery-prefix",
        default="homeassistant",
        metavar="TOPIC",
        help="where Home Assistant looks",
    )


def open_sink(args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
    """Return the sink, if it was asked for.

    Raises:
        UsageError: If the address or a file of the options cannot be used.
        EarmarkError: If paho-mqtt is not installed.
    """
    if args.mqtt is None:
        return None
    from earmark.models.errors import EarmarkError
    from earmark.models.streaming.results import WindowResult
    from earmark.realtime.detection.events import TagEvent
    from earmark.realtime.files.records import TagChoice
    from earmark.realtime.sinks.home_assistant import discovery
    from earmark.realtime.sinks.items import Sounding, StateChange
    from earmark.realtime.sinks.mqtt_address import check_topic, parse_address
    from earmark.realtime.sinks.queued import QueuedSink
    from earmark.realtime.sinks.slugs import slug

    from .secret import read_secret

    try:
        from earmark.realtime.sinks.mqtt import MqttSink
    except ModuleNotFoundError as error:
        raise EarmarkError(
            "--mqtt needs paho-mqtt, which is not installed: pip install 'earmark[mqtt]'"
        ) from error
    password = read_secret("--mqtt-password-file", args.mqtt_password_file, "EARMARK_MQTT_PASSWORD")
    # Microphones of one make have one name, on whatever machine they are.
    machine = "" if args.name else f"{slug(gethostname())}/"
    prefix = f"earmark/{machine}{slug(stream.source)}"
    address = parse_address(args.mqtt, password, default_prefix=prefix)
    found = {}
    if args.mqtt_discovery:
        root = check_topic("--mqtt-discovery-prefix", args.mqtt_discovery_prefix)
        found = discovery(stream, address.prefix, root)
    choice = TagChoice(stream.tags, stream.branches, top=args.top, every=args.all_tags)
    sink = MqttSink(
        stream,
        address,
        windows=choice if args.mqtt_windows else None,
        retained=found,
        ca_file=args.mqtt_ca,
    )
    kinds = (TagEvent, Sounding, StateChange)
    return QueuedSink(sink, kinds=(*kinds, WindowResult) if args.mqtt_windows else kinds)
