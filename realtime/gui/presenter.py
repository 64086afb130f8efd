"""Tells the views what to show, thirty times a second and some of it less often."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import seconds_to_samples
from earmark.realtime.audio.level import Level, level_at
from earmark.realtime.detection.steady_rows import SteadyRows
from earmark.realtime.gui.stream.picture import take_picture
from earmark.realtime.gui.stream.stream import ObservedStream
from earmark.realtime.gui.views.branch_pictures import branch_picture
from earmark.realtime.live.session import ListeningSession

from .controller import Controller
from .inspector import Tokens
from .screen_health import ScreenHealth
from .views.branch_images import BranchImages
from .views.event_table import EventTable
from .views.search import TagSearch
from .views.status_line import Status, StatusLine
from .views.tag_table import TagRow, TagTable
from .views.theme import Theme
from .views.timeline import Timeline
from .views.top_bar import TopBar
from .views.transport import Transport
from .views.welcome import NOT_OPEN, NOTHING_HEARD, WAITING, Welcome

# Drawings for which a tag may be less likely before another takes its row: a second and a half.
_ROW_PATIENCE: Final = 45

# The images of the branches are drawn each third time, what is read each tenth.
_LOOK_EVERY: Final = 3
_READ_EVERY: Final = 10


# Whoever looks elsewhere gets the tags of there, the likeliest on top.
_JUMP_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Views:
    """All that is shown."""

    top_bar: TopBar
    tags: TagTable
    images: BranchImages
    search: TagSearch
    timeline: Timeline
    transport: Transport
    events: EventTable
    status: StatusLine
    welcome: Welcome


class Presenter:
    """Looks at the controller and tells the views.

    Args:
        controller: What is open.
        views: What is told.
        theme: Colours of the tags.
    """

    def __init__(self, controller: Controller, views: Views, theme: Theme) -> None:
        self._controller = controller
        self._views = views
        self._theme = theme
        self.screen = ScreenHealth()
        self._count = 0
        self._shown: ObservedStream | None = None
        self._rows = SteadyRows(1)
        self._drawn: tuple[object, ...] = ()
        self._cursor = 0.0
        self.forget_rows()
        controller.looked.connect(self._show_tokens)

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self._theme = theme
        self._drawn = ()

    def forget_rows(self) -> None:
        """Give the rows away anew, after their number, the model or the pinned tags changed."""
        settings, bundle = self._controller.settings, self._controller.bundle
        self._rows = SteadyRows(settings.rows, patience=_ROW_PATIENCE)
        if bundle is not None:
            names = bundle.metadata.vocabulary.names
            self._rows.pin([names.index(tag) for tag in settings.pinned if tag in names])
        self._drawn = ()

    def draw(self, results: list[WindowResult]) -> None:
        """Show how things stand, with the results that are new."""
        views, stream = self._views, self._controller.stream
        if stream is not self._shown:
            self._shown = stream
            self._begin_anew()
        if stream is not None:
            # What is not on the screen has no latency.
            if isinstance(stream.hearing, ListeningSession) and views.tags.isVisible():
                for result in results:
                    self.screen.expect(stream.hearing.capture.captured_at(result.end_sample))
            self._draw_stream(stream)
        if self._count % _READ_EVERY == 0:
            self._draw_what_is_read(stream)
        self._count += 1

    @property
    def welcome_text(self) -> str:
        """What is said in the place of the tags; empty while there is something to show."""
        controller = self._controller
        if controller.stream is None:
            return "" if controller.doing else NOT_OPEN
        if controller.is_deaf:
            return NOTHING_HEARD
        liveness = controller.liveness
        if liveness is not None and liveness.is_lost and not controller.stream.windows.end:
            return WAITING
        return ""

    def _begin_anew(self) -> None:
        self.screen = ScreenHealth()
        self.forget_rows()
        self._views.images.clear()
        self._views.timeline.clear()
        self._views.tags.show_rows([], self._controller.settings.rows)
        self._views.top_bar.meter.show_level(Level())
        self._count = 0

    def _draw_stream(self, stream: ObservedStream) -> None:
        controller, views = self._controller, self._views
        playback = controller.playback
        if abs(playback.cursor - self._cursor) > _JUMP_SECONDS:
            self.forget_rows()
        self._cursor = playback.cursor
        outputs = stream.windows.smoothed_outputs(playback.cursor)
        if outputs is not None:
            self._rows.update(outputs[0])
            n_rows = controller.settings.rows + len(controller.settings.pinned)
            views.tags.show_rows(self._tag_rows(stream, outputs), n_rows)
        sound = stream.hearing.sound
        now = sound.written if playback.is_live else seconds_to_samples(playback.cursor)
        is_quiet = not playback.is_live and not playback.is_playing
        views.top_bar.meter.show_level(Level() if is_quiet else level_at(sound, now))
        self._draw_timeline(stream)
        views.transport.show_state(
            is_live=playback.is_live,
            is_running=not playback.is_frozen if playback.is_live else playback.is_playing,
            is_following=playback.viewport.is_following,
            is_looping=playback.is_looping,
            cursor=playback.cursor,
            oldest=stream.oldest,
            duration=playback.duration,
        )
        if self._count % _LOOK_EVERY == 0:
            controller.look()

    def _tag_rows(self, stream: ObservedStream, outputs: NDArray[np.float32]) -> list[TagRow]:
        pinned = set(self._controller.settings.pinned)
        return [
            TagRow(
                tag=stream.tags[tag],
                colour=self._theme.tags[i % len(self._theme.tags)],
                combined=float(outputs[0, tag]),
                branches=outputs[1:, tag].tolist(),
                threshold=float(stream.thresholds[tag]),
                is_pinned=stream.tags[tag] in pinned,
            )
            for i, tag in enumerate(self._rows.tags)
        ]

    def _draw_timeline(self, stream: ObservedStream) -> None:
        playback = self._controller.playback
        view, tags = playback.viewport, self._rows.tags
        state = (
            view.start,
            view.span,
            stream.spectrogram.fine.end,
            stream.windows.end,
            stream.events.version,
            tuple(tags),
            playback.cursor,
            playback.playhead,
        )
        if state == self._drawn:
            return
        self._drawn = state
        names = [stream.tags[tag] for tag in tags]
        palette = self._theme.tags
        self._views.timeline.show_picture(
            take_picture(stream, view.start, view.end, tags),
            view.start,
            view.end,
            tags=names,
            colours={name: palette[i % len(palette)] for i, name in enumerate(names)},
            cursor=playback.cursor if playback.is_frozen else None,
            playhead=playback.playhead,
        )

    def _draw_what_is_read(self, stream: ObservedStream | None) -> None:
        controller, views = self._controller, self._views
        bundle, doing = controller.bundle, controller.doing
        if stream is not None and controller.liveness is not None:
            doing = controller.liveness.value
        elif stream is not None and not stream.hearing.is_over:
            doing = f"tagged {100 * stream.seconds / max(controller.playback.duration, 0.1):.0f} %"
        views.top_bar.show_state(
            doing=doing,
            is_open=stream is not None,
            is_recording=controller.recording.is_on,
            can_record=controller.playback.is_live and stream is not None,
            text=controller.recording.text,
        )
        views.top_bar.show_source(controller.source)
        if bundle is not None:
            views.top_bar.show_model(bundle.metadata.name, bundle.device.upper())
        views.events.show_events([] if stream is None else stream.events.events)
        views.status.show_status(self._status(stream))
        views.tags.describe()
        views.top_bar.meter.describe()
        if stream is not None:
            outputs = stream.windows.smoothed_outputs(controller.playback.cursor)
            if outputs is not None:
                views.search.show_probabilities(outputs[0])
        views.welcome.say(self.welcome_text or NOT_OPEN)

    def _status(self, stream: ObservedStream | None) -> Status:
        fps = self.screen.drawings_per_second()
        if stream is None or not isinstance(stream.hearing, ListeningSession):
            return Status(drawings_per_second=fps)
        session = stream.hearing
        overflows = session.capture.source.overflows
        waiting = math.nan
        if stream.windows.end:
            waiting = max(0.0, stream.seconds - stream.windows.result(stream.windows.end - 1).end)
        advice = session.health.advice()
        if not advice and session.skipped:
            advice = (
                f"{session.skipped} windows were skipped: close other programs, or choose a longer "
                "hop in the settings."
            )
        if not advice and overflows:
            advice = f"Sound was lost {overflows} times before it got here: close other programs."
        return Status(
            latency_ms=self.screen.latency_ms(),
            inference_ms=session.health.inference_ms()[0],
            real_time_factor=session.health.real_time_factor(),
            skipped=session.skipped,
            overflows=overflows,
            buffered_seconds=waiting,
            drawings_per_second=fps,
            advice=advice,
        )

    def _show_tokens(self, tokens: Tokens) -> None:
        pictures = {name: branch_picture(rows) for name, rows in tokens.by_branch.items()}
        self._views.images.show_pictures(pictures)
