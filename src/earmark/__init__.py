"""Earmark: live audio tagging in four views.

``earmark.load()`` gives a tagger: ``tagger.tag("street.wav")`` tags a file, and
``for result in tagger.stream(earmark.Microphone()): ...`` listens.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.models.errors import (
        AudioError as AudioError,
    )
    from earmark.models.errors import (
        BundleError as BundleError,
    )
    from earmark.models.errors import (
        EarmarkError as EarmarkError,
    )
    from earmark.models.streaming.results import WindowResult as WindowResult
    from earmark.realtime.audio.microphone import Microphone as Microphone
    from earmark.realtime.audio.streamed import StreamedSource as StreamedSource
    from earmark.realtime.detection.events import EventSettings as EventSettings
    from earmark.realtime.detection.events import TagEvent as TagEvent
    from earmark.realtime.sound_tagger import SoundTagger as SoundTagger
    from earmark.realtime.sound_tagger import Tagging as Tagging
    from earmark.realtime.sound_tagger import load as load

# Imported when first asked for: `earmark --help` must not wait for torch.
_HOMES = {
    "AudioError": "earmark.models.errors",
    "BundleError": "earmark.models.errors",
    "EarmarkError": "earmark.models.errors",
    "EventSettings": "earmark.realtime.detection.events",
    "Microphone": "earmark.realtime.audio.microphone",
    "SoundTagger": "earmark.realtime.sound_tagger",
    "StreamedSource": "earmark.realtime.audio.streamed",
    "TagEvent": "earmark.realtime.detection.events",
    "Tagging": "earmark.realtime.sound_tagger",
    "WindowResult": "earmark.models.streaming.results",
    "load": "earmark.realtime.sound_tagger",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'earmark' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
