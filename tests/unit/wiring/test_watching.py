"""The daily round on real sockets: probes, retirements, orders, and the child that runs what is due."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from switchover.config import load
from switchover.domain.candidate import State, grader_id
from switchover.domain.cut_off import Target
from switchover.domain.register import Suspension
from switchover.domain.watching import OrderState, Why
from switchover.errors import OperatorError
from switchover.planning.plan import plan
from switchover.store.due_orders import due_orders, open_order, take_order
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import proofs, save_proof
from switchover.store.register import set_suspension, suspensions
from switchover.store.watching import newest_probes, retirements, want_steps
from switchover.testing.builders import make_exchange, make_prompt_version, make_proof
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.inbox import DESKS, messages
from switchover.watch.allowance import Allowance
from switchover.wiring import register, rehearsals
from switchover.wiring.diagnosis import examine
from switchover.wiring.due import turns
from switchover.wiring.due_run import MOST_TRIES, run_order, work
from switchover.wiring.evidence import log_of
from switchover.wiring.parts import CLOCK, open_store
from switchover.wiring.watching import (
    AGAIN,
    STEPS,
    alone,
    due_now,
    has_work,
    holder_of,
    let_go_of,
    run_by_hand,
    standing,
)

DAY_S = 86_400.0
CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
providers: {{acme: {{home: US}}, b: {{home: DE}}}}
watch: {{{watch}}}
upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}
  second: {{kind: openai, base_url: "{second}/v1", key: env:SECOND_KEY, model: big-2, developer: b, host: b{more}}}
processes:
  messages:
    owner: head-of-service
    criticality: critical
    data: internal
    baseline: vendor
    fallbacks: [second]
    rehearse: {{grader: label, margin: 0.10, labels: [{labels}]}}
"""


def hours(ahead):
    """A window of an hour that is not now."""
    hour = datetime.now(UTC).hour + ahead
    return f"{hour % 24:02d}:00-{(hour + 1) % 24:02d}:00".replace("-00:00", "-24:00")


class Office:
    """A folder with a configuration, two vendors on loopback and a record of a month."""

    def __init__(self, folder, vendor, second):
        self.folder, self.vendor, self.second = folder, vendor, second
        self.config = str(folder / "switchover.yaml")

    def write(self, watch="", more=""):
        text = CONFIGURATION.format(
            vendor=self.vendor.url, second=self.second.url, labels=", ".join(DESKS), watch=watch, more=more
        )
        (self.folder / "switchover.yaml").write_text(text, encoding="utf-8")

    def record(self, count=240):
        begun = CLOCK.now() - 20 * DAY_S
        with self.store() as store:
            save_exchanges(
                store,
                [
                    make_exchange(
                        message.text, message.desk, process="messages", route="messages", started_at=begun + number
                    )
                    for number, message in enumerate(messages()[::6][:count])
                ],
            )

    @property
    def settings(self):
        return load(self.config)

    def store(self):
        return open_store(self.settings)

    def events(self):
        return [json.loads(entry)["event"] for entry in log_of(self.settings).entries()]

    def rehearse(self):
        verdict = rehearsals.rehearse_candidate(self.settings, "messages", "second")
        assert verdict.state is State.READY
        return verdict

    def prove(self):
        """A proof in date, as a rehearsal would leave it."""
        spec, terms = self.settings.upstreams["second"], self.settings.processes["messages"].rehearse
        version = make_prompt_version("messages", "second")
        with self.store() as store:
            save_prompt_version(store, version)
            baseline, until = (
                self.settings.upstreams[self.settings.processes[version.process].baseline],
                CLOCK.now() + 7 * DAY_S,
            )
            made = make_proof(spec, version, baseline, grader=grader_id(terms), expires_at=until)
            save_proof(store, made)

    def passed_over(self):
        """Why the second is not tried, or None where it is."""
        with self.store() as store:
            found = plan(register.snapshot(self.settings, store), "messages", CLOCK.now())
        return next((one.reason for one in found.skipped if one.upstream == "second"), None)

    def bad(self):
        return {one.what: one.said for one in examine(self.settings) if not one.well}

    def orders(self):
        with self.store() as store:
            return due_orders(store)


@pytest.fixture
def later(monkeypatch):
    """Moves the clock of everything by so many seconds from now on."""

    def move(seconds):
        monkeypatch.setattr(CLOCK, "now", lambda: time.time() + seconds)

    return move


@pytest.fixture
def office(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    with FakeVendor(key="one") as vendor, FakeVendor(key="two") as second:
        monkeypatch.setenv("VENDOR_KEY", "one")
        monkeypatch.setenv("SECOND_KEY", "two")
        made = Office(tmp_path, vendor, second)
        made.write()
        yield made
    signal.signal(signal.SIGTERM, before)


def test_a_probe_with_a_refused_key_suspends_and_a_good_one_lets_the_proof_count_again(office, later):
    office.write(f'at: "{hours(6)}"')
    office.prove()
    assert office.passed_over() is None
    assert all(one.well for one in run_by_hand(office.settings, None))
    office.second.control("denied")
    [bad] = [one for one in run_by_hand(office.settings, None) if not one.well and one.step == "probe"]
    assert (bad.about, "refuses our key" in bad.said) == ("second", True)
    assert "its proof is suspended: a probe with its real key failed" in office.passed_over()
    assert "fails since" in office.bad()["probe of second"]
    # Whoever mended it need not wait a day: an hour later it is asked again, and nobody else is.
    office.second.control("normal")
    asked = sum(office.vendor.served.values())
    with office.store() as store:
        assert due_now(office.settings, store, CLOCK.now()) == []
        later(3700)
        assert due_now(office.settings, store, CLOCK.now()) == [AGAIN]
    work(office.config)
    assert office.passed_over() is None
    assert sum(office.vendor.served.values()) == asked
    events = office.events()
    assert (events.count("probe failed"), events.count("probe well")) == (1, 1)
    assert "probe of second" not in office.bad()


def test_a_good_probe_leaves_what_somebody_else_suspended(office):
    office.prove()
    with office.store() as store:
        set_suspension(store, "second", Suspension(at=CLOCK.now(), why="another model answered"))
    assert all(one.well for one in run_by_hand(office.settings, None) if one.step == "probe")
    assert "another model answered" in office.passed_over()


def test_what_may_pass_by_itself_is_told_and_suspends_nothing(office):
    office.prove()
    for mode in ("refused", "overloaded", "failing"):
        office.second.control(mode)
        found = {one.about: one.well for one in run_by_hand(office.settings, None) if one.step == "probe"}
        assert (mode, found) == (mode, {"vendor": True, "second": False})
        assert office.passed_over() is None
    assert "probe of second" in office.bad()


def test_a_key_that_can_not_be_read_and_a_model_that_is_gone_suspend_as_well(office, monkeypatch):
    office.prove()
    monkeypatch.delenv("SECOND_KEY")
    run_by_hand(office.settings, None)
    assert "its key can't be read" in office.passed_over()
    monkeypatch.setenv("SECOND_KEY", "two")
    run_by_hand(office.settings, None)
    office.second.control("vanished")
    run_by_hand(office.settings, None)
    assert "its model" in office.passed_over()
    with office.store() as store:
        assert newest_probes(store)["second"].failed == "model"
        assert suspensions(store)["second"].by == "probe"


def test_who_was_cut_off_is_not_asked_and_neither_is_anybody_beyond_the_days_calls(office):
    register.place_cut(office.settings, Target.parse("provider:b"), reason="a letter", by="somebody")
    found = {one.about: one.said for one in run_by_hand(office.settings, None) if one.step == "probe"}
    assert "cut off (provider:b)" in found["second"]
    assert not office.second.served
    office.write("calls_per_day: 1")
    asked = sum(office.vendor.served.values())
    found = {one.about: one.said for one in run_by_hand(office.settings, None) if one.step == "probe"}
    assert "not probed: the day's calls or money are spent" in found["vendor"]
    assert sum(office.vendor.served.values()) == asked


def test_a_notice_opens_an_order_once_which_is_run_and_the_doctor_has_nothing_to_say_any_more(office):
    office.record()
    soon = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    office.vendor.retire("big-1", soon)
    [told] = [one for one in run_by_hand(office.settings, None) if one.step == "retirements"]
    assert not told.well
    assert f"vendor retires big-1 on {soon}, in 20 days (GET {office.vendor.url}/v1/models)" in told.said
    assert "no replacement is proven" in office.bad()["retirement, messages"]
    run_by_hand(office.settings, None)
    [order] = office.orders()
    assert (order.candidate, order.why, order.state) == ("second", Why.RETIREMENT, OrderState.OPEN)
    assert [office.events().count(event) for event in ("retirement known", "due order opened")] == [1, 1]
    [turn] = standing(office.settings).orders
    assert (turn.order.id, turn.replays, turn.waits) == (order.id, 200, "")
    work(office.config)
    [order] = office.orders()
    assert order.state is OrderState.DONE
    with office.store() as store:
        [proof] = proofs(store, "messages", now=CLOCK.now())
        assert proof.id == f"proof-{order.verdict}"
        assert [one.day for one in retirements(store)] == [soon]
    assert "retirement, messages" not in office.bad()
    assert office.events().count("due order done") == 1


def test_a_date_of_ones_own_counts_and_a_corrected_one_takes_its_place(office):
    office.write(more=", retires: 2031-01-31")
    run_by_hand(office.settings, None)
    office.write(more=", retires: 2032-02-28")
    found = [one.said for one in run_by_hand(office.settings, None) if one.step == "retirements"]
    assert len(found) == 1
    assert "second retires big-2 on 2032-02-28" in found[0]
    assert "upstreams.second.retires in the configuration" in found[0]
    # A replacement's end is told; only a baseline's makes a rehearsal due.
    assert office.orders() == []


def test_keep_warm_renews_a_proof_before_it_ends(office, later):
    office.record()
    first = office.rehearse()
    ends = first.expires_at
    for day in (5, 10):
        later(day * DAY_S)
        [found] = [one for one in run_by_hand(office.settings, None) if one.step == "due"]
        assert found.well
        asked = sum(office.second.served.values())
        work(office.config)
        made = sum(office.second.served.values()) - asked
        [order] = [one for one in office.orders() if one.opened_at > CLOCK.now() - 60]
        assert (order.why, order.state, order.calls) == (Why.KEEP_WARM, OrderState.DONE, made)
        assert order.replays <= made <= 40
        with office.store() as store:
            newest = proofs(store, "messages", now=CLOCK.now())[0]
        assert newest.expires_at > ends
        ends = newest.expires_at
    # Without it the proof would have ended on the seventh day.
    assert first.expires_at < CLOCK.now()
    assert office.passed_over() is None


def test_what_is_off_out_of_its_hours_or_too_dear_waits_and_says_why(office):
    office.record()
    office.prove()
    office.vendor.retire("big-1", "2031-01-31")
    run_by_hand(office.settings, None)
    for watch, why in (
        ("rehearse: off", "watch.rehearse is off"),
        (f'at: "{hours(3)}"', "outside the hours of watch.at"),
        ("spend_per_day: 1 USD", "nobody knows what a replay costs"),
    ):
        office.write(watch)
        with office.store() as store:
            waiting = turns(office.settings, store, Allowance(office.settings.watch, store, CLOCK), CLOCK.now())
            assert [why in one.waits for one in waiting] == [True] * len(waiting) != []
            assert all(one.replays == 0 for one in waiting)
        work(office.config)
    assert {one.state for one in office.orders()} == {OrderState.OPEN}


def test_a_rehearsal_that_can_not_be_carried_out_is_tried_again_later_and_at_last_given_up(office, later):
    office.vendor.retire("big-1", "2031-01-31")
    run_by_hand(office.settings, None)
    text = (office.folder / "switchover.yaml").read_text()
    without = text.replace("fallbacks: [second]", "fallbacks: [second]\n    recording: metadata")
    (office.folder / "switchover.yaml").write_text(without)
    passed = 0.0
    for tries in range(1, MOST_TRIES + 1):
        work(office.config)
        [order] = office.orders()
        assert (order.tries, "nothing of messages can be asked again" in order.trouble) == (tries, True)
        passed += 86_400.0
        later(passed)
    assert order.state is OrderState.GIVEN_UP
    later(passed - 86_400.0)
    assert f"given up after {MOST_TRIES} tries" in office.bad()["due rehearsal of second for messages"]


def test_two_runners_that_meet_one_order_run_it_once(office):
    office.record()
    office.vendor.retire("big-1", "2031-01-31")
    run_by_hand(office.settings, None)
    with office.store() as store:
        [turn] = turns(office.settings, store, Allowance(office.settings.watch, store, CLOCK), CLOCK.now())
    together = threading.Barrier(2)

    def run(holder):
        with office.store() as store:
            together.wait()
            run_order(office.settings, store, turn, holder, lambda *_, **__: None, lambda event: None)

    runners = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    [order] = office.orders()
    assert (order.state, order.tries) == (OrderState.DONE, 1)
    # And the one call of the probe.
    assert office.second.served["answered"] == order.calls + 1


def test_a_runner_that_is_told_to_end_again_and_again_still_waits_for_what_is_in_flight(office):
    """At the end the supervisor tells the keeper's whole group, and the keeper its child, too."""
    office.record()
    office.vendor.retire("big-1", "2031-01-31")
    run_by_hand(office.settings, None)
    office.second.control("slow", seconds=0.6)
    command = [sys.executable, "-m", "switchover", "watcher", "--config", office.config]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as runner:
        while (before := office.second.served["answered"]) < 4:
            assert runner.poll() is None, runner.stderr.read()
            time.sleep(0.02)
        for _ in range(4):
            runner.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                runner.wait(0.05)
        assert (runner.wait(20), "Traceback" in runner.stderr.read()) == (0, False)
    assert office.second.served["answered"] > before
    [order] = office.orders()
    assert (order.state, order.taken_by, order.tries) == (OrderState.OPEN, None, 0)


def test_an_order_that_somebody_took_and_was_killed_with_is_free_once_that_is_known_or_has_lapsed(office):
    office.vendor.retire("big-1", "2031-01-31")
    run_by_hand(office.settings, None)
    [order] = office.orders()
    now = CLOCK.now()
    with office.store() as store:
        holder = holder_of(office.settings, 4711)
        assert take_order(store, order.id, holder, now=now, seconds=30)
        assert not take_order(store, order.id, "another", now=now + 29, seconds=30)
        assert not has_work(office.settings, store, now)
        let_go_of(office.settings, store, 471)
        assert not has_work(office.settings, store, now)
        let_go_of(office.settings, store, 4711)
        assert has_work(office.settings, store, now)
        assert take_order(store, order.id, holder, now=now, seconds=30)
        assert take_order(store, order.id, "another", now=now + 31, seconds=30)
        # One that waits is not left twice.
        assert not open_order(store, order)


def test_the_first_round_of_a_store_comes_at_the_next_days_moment_and_not_with_the_first_start(office, later):
    with office.store() as store:
        assert due_now(office.settings, store, CLOCK.now()) == []
        want_steps(store, STEPS, CLOCK.now())
        assert due_now(office.settings, store, CLOCK.now() + 1) == []
        later(2 * DAY_S)
        assert due_now(office.settings, store, CLOCK.now()) == list(STEPS)
    work(office.config)
    with office.store() as store:
        assert due_now(office.settings, store, CLOCK.now()) == []
        assert set(newest_probes(store)) == {"vendor", "second"}


def test_an_engine_that_does_not_start_is_told_and_keeps_nobody_else_from_being_asked(office):
    own = "  own: {kind: local, weights: file:gone.gguf, model: m, developer: own, host: own}\nprocesses:"
    text = (office.folder / "switchover.yaml").read_text().replace("processes:", own)
    (office.folder / "switchover.yaml").write_text(text.replace("fallbacks: [second]", "fallbacks: [second, own]"))
    found = {one.about: one.well for one in run_by_hand(office.settings, None) if one.step == "probe"}
    assert found == {"vendor": True, "second": True, "own": False}


def test_while_a_command_holds_the_watch_the_keepers_child_leaves_and_says_so_by_its_exit(office, capfd):
    with office.store() as store, alone(store, "command:somebody"):
        with pytest.raises(SystemExit) as left:
            work(office.config)
        with pytest.raises(OperatorError, match="another round or due rehearsal runs right now"):
            run_by_hand(office.settings, None)
    assert left.value.code == 1
    assert "watch held up" in capfd.readouterr().err
    work(office.config)
