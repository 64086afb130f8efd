"""What Home Assistant reads to find the tags by itself.

Source: Home Assistant's documentation, "MQTT: MQTT Discovery", "MQTT binary sensor" and "MQTT
sensor".
"""

import json

from earmark.models.release import release
from earmark.realtime.audio.liveness import Liveness

from .base import LiveStream
from .slugs import slug, slugs

# While the source is in one of these, a tag that does not sound is known not to sound.
_HEARING = (Liveness.LISTENING, Liveness.SILENT)


def discovery(stream: LiveStream, prefix: str, root: str) -> dict[str, str]:
    """Return what is to be retained, by topic.

    There is a binary sensor for each tag that can be an event, a sensor with the newest event and
    one with the state of the source, all of one device.

    Args:
        stream: What is listened to.
        prefix: Of the topics that tell of it.
        root: Topic under which Home Assistant looks.

    Returns:
        JSON objects; an empty text takes a tag away that an earlier run may have announced.
    """
    device = slug(prefix)
    shared = {
        "device": {
            "identifiers": [device],
            "name": f"Earmark {stream.source}",
            "manufacturer": "Earmark",
            "model": stream.bundle,
        },
        "origin": {"name": "Earmark", **_version()},
    }
    reachable = {"topic": f"{prefix}/availability"}
    found = {}
    tags = zip(stream.tags, slugs(stream.tags), stream.thresholds, strict=True)
    for tag, part, threshold in tags:
        unique = f"{device}_tag_{part}"
        config = {
            "name": tag,
            "unique_id": unique,
            "device_class": "sound",
            "state_topic": f"{prefix}/sounding",
            "value_template": f"{{{{ 'ON' if {_quoted(tag)} in value_json else 'OFF' }}}}",
            "payload_on": "ON",
            "payload_off": "OFF",
            "availability": [reachable, _hearing(prefix)],
            "availability_mode": "all",
            **shared,
        }
        can_sound = threshold <= 1
        found[f"{root}/binary_sensor/{unique}/config"] = json.dumps(config) if can_sound else ""
    for part, config in _sensors(prefix).items():
        unique = f"{device}_{part}"
        known = {"unique_id": unique, "availability_topic": reachable["topic"], **shared}
        found[f"{root}/sensor/{unique}/config"] = json.dumps({**config, **known})
    return found


def _sensors(prefix: str) -> dict[str, dict[str, object]]:
    return {
        "newest_event": {
            "name": "Newest event",
            "icon": "mdi:ear-hearing",
            "state_topic": f"{prefix}/events",
            "value_template": "{{ value_json.tag }}",
            "json_attributes_topic": f"{prefix}/events",
            # Two barks in a row are two events, though the state is the same.
            "force_update": True,
        },
        "state": {
            "name": "State",
            "device_class": "enum",
            "options": [liveness.value for liveness in Liveness],
            "entity_category": "diagnostic",
            "state_topic": f"{prefix}/state",
            "value_template": "{{ value_json.liveness }}",
            "json_attributes_topic": f"{prefix}/state",
        },
    }


def _hearing(prefix: str) -> dict[str, str]:
    words = ", ".join(_quoted(liveness.value) for liveness in _HEARING)
    template = f"{{{{ 'online' if value_json.liveness in [{words}] else 'offline' }}}}"
    return {"topic": f"{prefix}/state", "value_template": template}


def _quoted(text: str) -> str:
    """Return a literal of the template language, which has the escapes of JSON."""
    return json.dumps(text)


def _version() -> dict[str, str]:
    found = release()
    return {} if found is None else {"sw_version": found}
