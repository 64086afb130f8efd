"""Where an MQTT broker is, and where in it to write."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from earmark.models.errors import UsageError

from .hosts import is_host

_FORM = "mqtt[s]://[user[:password]@]host[:port][/topic-prefix]"
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class MqttAddress:
    """A broker and a topic.

    Args:
        host: Name or address.
        port: TCP.
        prefix: Of all topics, without a slash at either end.
        is_encrypted: Whether TLS is spoken.
        user: None: nobody in particular.
        password: Of the user.
    """

    host: str
    port: int
    prefix: str
    is_encrypted: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_address(url: str, password: str | None, *, default_prefix: str) -> MqttAddress:
    """Return what ``--mqtt`` says.

    Args:
        url: As given.
        password: That goes before the one in the URL.
        default_prefix: Where the URL has none.

    Raises:
        UsageError: If it is no such URL; the message never shows the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--mqtt must look like {_FORM}: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname or not is_host(parts.hostname) or port == 0:
        raise UsageError(f"--mqtt must look like {_FORM}")
    if parts.query or parts.fragment or "#" in url:
        raise UsageError(f"--mqtt must look like {_FORM}, without ? and #")
    user = None if parts.username is None else unquote(parts.username)
    if password is None and parts.password is not None:
        password = unquote(parts.password)
    if password is not None and not user:
        raise UsageError(
            "--mqtt has a password, but no user: give mqtt://USER@HOST (the password may be in "
            "--mqtt-password-file or EARMARK_MQTT_PASSWORD)"
        )
    return MqttAddress(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        prefix=check_topic("--mqtt", unquote(parts.path).strip("/") or default_prefix),
        is_encrypted=parts.scheme == "mqtts",
        user=user,
        password=password,
    )


def check_topic(option: str, topic: str) -> str:
    """Return a topic that may be written to, without a slash at either end.

    Raises:
        UsageError: If it is empty or holds a wildcard.
    """
    topic = topic.strip("/")
    if not topic or any(sign in topic for sign in "+#\0"):
        raise UsageError(f"{option}: {topic!r} is no topic to write to; + and # may not be in it")
    return topic
