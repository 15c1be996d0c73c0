"""A real Prometheus watches a real service: what dashboards and alerts ask has values, and faults are told."""

import time
from dataclasses import dataclass, field

import pytest

from memory_layer.stack import wait_until_it_answers
from memory_layer.tests.integration.conftest import Service
from memory_layer.tests.monitoring.expressions import condition_of, of_alerts, of_dashboards
from memory_layer.tests.monitoring.faults import FAULTS, Again, Fault, Watched, be_used
from memory_layer.tests.monitoring.parts import KEY, Parts, models
from memory_layer.tests.monitoring.prometheus import Prometheus, in_small_time, program

PATIENCE_SECONDS = 60
# Within ten seconds, which stand for minutes and days here, nothing need be due that is due every minute or day.
MEANINGLESS = {"BeatStopped", "RetentionNotRun"}
EXPRESSIONS = of_dashboards()
CONDITIONS = [(alert.where, part) for alert in of_alerts() for part in condition_of(alert.text)]


@dataclass
class History:
    """What fired before, during (with its written summary) and after all faults; and who watched."""

    prometheus: Prometheus
    before: set[str] = field(default_factory=set)
    during: dict[str, dict[str, str]] = field(default_factory=dict)
    after: set[str] = field(default_factory=set)

    def live_through(self, faults: list[Fault], watched: Watched) -> None:
        self.before = self._until_none_fires()
        for fault in faults:
            with fault.make(watched) as again:
                self.during[fault.make.__name__] = self._until_all_fire(fault, again)
        self.after = self._until_none_fires()

    def _until_all_fire(self, fault: Fault, again: Again) -> dict[str, str]:
        fired: dict[str, str] = {}
        end = time.monotonic() + PATIENCE_SECONDS
        while not fault.alerts <= fired.keys() and time.monotonic() < end:
            again()
            fired |= {name: alert["annotations"]["summary"] for name, alert in self.prometheus.firing().items()}
            time.sleep(0.1)
        return fired

    def _until_none_fires(self) -> set[str]:
        """Each is silent at one moment; a busy worker may look stopped in ten seconds. Return those that never were."""
        end = time.monotonic() + PATIENCE_SECONDS
        firing = set(self.prometheus.firing()) - MEANINGLESS
        while firing and time.monotonic() < end:
            time.sleep(0.1)
            firing &= set(self.prometheus.firing())
        return firing


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    program("prometheus")
    folder = tmp_path_factory.mktemp("monitoring")
    with (
        models() as vendor,
        Parts(folder, vendor) as parts,
        Prometheus(folder / "prometheus", parts.ports) as prometheus,
    ):
        assert wait_until_it_answers(f"{parts.url}/livez")
        Service.until(lambda: prometheus.value("sum(up)") == len(parts.ports))
        watched = Watched(parts, vendor, Service(parts.url, KEY))
        be_used(watched)
        history = History(prometheus)
        history.live_through(FAULTS, watched)
        yield history


def test_nothing_fires_while_all_is_well(history):
    assert history.before == set()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.make.__name__)
def test_a_fault_is_told(history, fault):
    assert fault.alerts <= history.during[fault.make.__name__].keys()


def test_nothing_fires_any_more_when_the_faults_are_over(history):
    assert history.after == set()


def test_summaries_are_written_out(history):
    for fired in history.during.values():
        assert not [summary for summary in fired.values() if "{{" in summary or "error" in summary]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_what_a_dashboard_asks_has_values(history, expression):
    assert history.prometheus.ever(in_small_time(expression.text))


@pytest.mark.parametrize(("alert", "part"), CONDITIONS, ids=lambda value: value if value.isidentifier() else "")
def test_what_an_alert_compares_has_values(history, alert, part):
    assert history.prometheus.ever(in_small_time(part))
