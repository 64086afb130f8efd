import logging
import threading

import numpy as np
import pytest

from earmark.models.errors import EarmarkError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.sinks.items import Notice
from earmark.realtime.sinks.queued import QueuedSink


def window(number: int) -> WindowResult:
    return WindowResult(number, number + 16_000, np.zeros(2), np.zeros((4, 2)), 0.001)


class Receiver:
    """A sink that waits until it is let go."""

    name = "receiver"

    def __init__(self, *, is_slow: bool = False, failure: Exception | None = None) -> None:
        self.taken: list[object] = []
        self.closed = 0
        self.is_busy = threading.Event()
        self.may_go = threading.Event()
        self._failure = failure
        if not is_slow:
            self.may_go.set()

    def take(self, item: object) -> None:
        self.is_busy.set()
        self.may_go.wait(timeout=5)
        if self._failure is not None:
            raise self._failure
        self.taken.append(item)

    def close(self) -> None:
        self.closed += 1


def test_all_items_arrive_in_their_order_before_it_is_closed() -> None:
    receiver = Receiver()
    queued = QueuedSink(receiver)
    items = [window(i) if i % 3 else Notice(i, "well") for i in range(100)]
    for item in items:
        queued.take(item)
    queued.close()
    assert receiver.taken == items
    assert receiver.closed == 1
    assert queued.dropped == 0


def test_slow_receiver_never_holds_up_and_loses_the_oldest_windows_first() -> None:
    receiver = Receiver(is_slow=True)
    queued = QueuedSink(receiver, most_waiting=10)
    queued.take(window(0))
    assert receiver.is_busy.wait(5)
    for i in range(1, 101):
        queued.take(window(i))
        if i % 20 == 0:
            queued.take(Notice(i, "well"))
    assert queued.dropped == 95
    receiver.may_go.set()
    queued.close()
    notices = [item for item in receiver.taken if isinstance(item, Notice)]
    windows = [item.start_sample for item in receiver.taken if isinstance(item, WindowResult)]
    assert [notice.at for notice in notices] == [20, 40, 60, 80, 100]
    assert windows == [0, 96, 97, 98, 99, 100]


def test_receiver_that_gives_up_is_told_of_in_one_line(caplog, wait_for) -> None:
    receiver = Receiver(failure=EarmarkError("the disk is full"))
    queued = QueuedSink(receiver)
    with caplog.at_level(logging.ERROR):
        queued.take(window(0))
        wait_for(lambda: receiver.closed)
        queued.take(window(1))
        queued.close()
    assert [record.getMessage() for record in caplog.records] == [
        "receiver has ended: the disk is full"
    ]


def test_receiver_at_fault_reports_it_once_and_stays_out_of_the_way(caplog, wait_for) -> None:
    receiver = Receiver(is_slow=True, failure=KeyError("tag"))
    queued = QueuedSink(receiver)
    for number in range(5):
        queued.take(window(number))
    assert receiver.is_busy.wait(5)
    assert queued.failure == ""
    with caplog.at_level(logging.ERROR):
        receiver.may_go.set()
        wait_for(lambda: receiver.closed)
        queued.take(window(5))
        queued.close()
    assert queued.failure == "KeyError: 'tag'"
    # The one that failed and the four behind it.
    assert queued.dropped == 5
    (record,) = caplog.records
    assert "receiver has ended by a fault of its own" in record.getMessage()
    assert "KeyError" in caplog.text


def test_receiver_that_cannot_be_closed_reports_it(caplog) -> None:
    class Torn(Receiver):
        def close(self) -> None:
            raise OSError("the cable is torn")

    queued = QueuedSink(Torn())
    with caplog.at_level(logging.ERROR):
        queued.close()
    assert queued.failure == "OSError: the cable is torn"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_closing_needs_no_item_and_may_be_done_twice(times: int) -> None:
    receiver = Receiver()
    queued = QueuedSink(receiver)
    for _ in range(times):
        queued.close()
    assert receiver.closed == 1
