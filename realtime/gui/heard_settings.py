"""From the app's settings to those of the core: what counts as heard."""

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.metadata import BundleMetadata
from earmark.realtime.detection.events import EventSettings

from .settings import AppSettings


def event_settings_of(settings: AppSettings) -> EventSettings:
    """Return what counts as an event."""
    return EventSettings(
        smoothing=settings.smoothing,
        release=settings.release,
        minimum_duration=settings.minimum_duration,
        merge_gap=settings.merge_gap,
    )


def thresholds_of(settings: AppSettings, metadata: BundleMetadata) -> NDArray[np.float32]:
    """Return (tags,) thresholds: the model's own, unless one for all or for a tag is set."""
    chosen = metadata.calibration.thresholds.copy()
    if settings.threshold is not None:
        chosen[:] = settings.threshold
    for i, tag in enumerate(metadata.vocabulary.names):
        chosen[i] = settings.tag_thresholds.get(tag, chosen[i])
    return chosen
