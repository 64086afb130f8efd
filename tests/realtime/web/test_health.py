"""When a stream is called well, and when not."""

from dataclasses import replace

import pytest

from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.sinks.items import StateChange
from earmark.realtime.web.health import Vitals


class Patient:
    """The vitals of a stream whose state and clock the test sets."""

    def __init__(self, make_stream) -> None:
        self.now = 100.0
        stream = make_stream(("Dog", "Rain"))
        self.status = stream.status()
        self.vitals = Vitals(replace(stream, status=lambda: self.status), clock=lambda: self.now)

    def turn(self, liveness: Liveness) -> None:
        self.status = replace(self.status, liveness=liveness)
        self.vitals.note(StateChange(1.0, liveness, ""))


@pytest.fixture
def patient(make_stream) -> Patient:
    return Patient(make_stream)


@pytest.mark.parametrize("liveness", [Liveness.STALLED, Liveness.RECOVERING])
def test_source_that_is_gone_is_unwell_only_after_a_while(liveness, patient, window) -> None:
    patient.turn(liveness)
    patient.now += 9
    # Silence stands for what is missed: results come all the same.
    patient.vitals.note(window(0, 0.5, 0.5))
    assert patient.vitals.problem() == ""
    patient.now += 2
    patient.vitals.note(window(0, 0.5, 0.5))
    assert liveness.value in patient.vitals.problem()
    patient.turn(Liveness.LISTENING)
    assert patient.vitals.problem() == ""


@pytest.mark.parametrize("liveness", [Liveness.FAILED, Liveness.ENDED])
def test_source_that_has_failed_or_ended_is_unwell_at_once(liveness, patient) -> None:
    patient.turn(liveness)
    assert patient.vitals.problem() == f"the source has {liveness.value}"


def test_silence_is_well(patient, window) -> None:
    patient.turn(Liveness.SILENT)
    patient.now += 60
    patient.vitals.note(window(0, 0.5, 0.5))
    assert patient.vitals.problem() == ""


def test_results_that_do_not_come_are_unwell_though_the_source_listens(patient, window) -> None:
    patient.vitals.note(window(0, 0.5, 0.5))
    patient.now += 12.5
    assert patient.vitals.problem() == "no result for 12 s"
    assert patient.vitals.report(readers=0)["seconds_since_result"] == 12.5
    patient.vitals.note(window(0, 0.5, 0.5))
    assert patient.vitals.report(readers=0)["status"] == "well"
