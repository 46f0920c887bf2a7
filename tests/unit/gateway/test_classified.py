"""The class of what a request holds decides who may see it; what can't be looked at counts as the most sensitive."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from dataclasses import replace

import pytest

from switchover.domain.personal import Privacy
from switchover.domain.process import Criticality, DataClass, Midstream, Process
from switchover.gateway import classified
from switchover.privacy.finder import OwnFinder
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import ServedGateway, register, spec

CONFIDENTIAL, SECRET, INTERNAL = DataClass.CONFIDENTIAL, DataClass.SECRET, DataClass.INTERNAL
# Personal data may go to the host that is named, national numbers and keys stay here.
POLICY = {CONFIDENTIAL: ("own", "vendor"), SECRET: ("own",)}


def answer(text):
    said = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return reply(json.dumps({"id": "1", "model": "m", "choices": [said]}).encode())


def process(**more):
    fields = {
        "name": "p", "owner": "o", "criticality": Criticality.ORDINARY, "data": INTERNAL, "baseline": "vendor",
        "fallbacks": ("own",), "allow": POLICY,
    }  # fmt: skip
    return Process(**fields | more)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However slow this machine is, what is well is waited for."""
    monkeypatch.setattr(classified, "LONGEST_S", 60.0)


class Asked:
    """A gateway before a vendor elsewhere and a proven replacement of our own."""

    def __init__(self, finder=OwnFinder, *, privacy=None, **more):
        self.finder, self.privacy, self.more = finder, privacy or Privacy(countries=("NL",)), more

    def __enter__(self):
        self.vendor = ScriptedServer([answer("elsewhere")]).__enter__()
        self.own = ScriptedServer([answer("here")]).__enter__()
        upstreams = [spec("vendor", self.vendor.url), spec("own", self.own.url)]
        snapshot, self.token = register(process(**self.more), upstreams, proven=("own",))
        self.served = ServedGateway(replace(snapshot, privacy=self.privacy), finder=self.finder).__enter__()
        return self

    def __exit__(self, *error):
        for one in (self.served, self.own, self.vendor):
            one.__exit__(None, None, None)

    def ask(self, text, path="/v1/chat/completions", **more):
        said = {"model": "p", "messages": [{"role": "user", "content": text}], **more}
        head = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        request = urllib.request.Request(self.served.url + path, json.dumps(said).encode(), head)
        try:
            with urllib.request.urlopen(request, timeout=60) as got:
                return got.status, got.headers.get("x-switchover-upstream"), got.headers.get("x-switchover-data")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())["error"]["code"], error.headers.get("x-switchover-data")

    def recorded(self, count):
        """The exchanges, once there are so many: each is recorded when its answer is sent."""
        end = time.monotonic() + 60
        while len(self.served.spool.exchanges) < count and time.monotonic() < end:
            time.sleep(0.005)
        return self.served.spool.exchanges

    def page(self):
        with urllib.request.urlopen(f"{self.served.url}/metrics") as page:
            return page.read().decode()


def test_what_is_found_takes_away_who_may_not_see_it_and_is_told_counted_and_recorded():
    with Asked() as asked:
        assert asked.ask("where is my claim?") == (200, "vendor", None)
        assert asked.ask("I am jan@example.com") == (200, "vendor", "confidential")
        assert asked.ask("my BSN is 111222333") == (200, "own", "secret")
        assert [seen.body for seen in asked.vendor.seen if b"111222333" in seen.body] == []
        page = asked.page()
        kinds = [one.data for one in asked.recorded(3)]
    assert kinds == [None, CONFIDENTIAL, SECRET]
    assert 'switchover_data_class_raised_total{worker="worker-0",process="p",class="secret"} 1' in page


def test_a_number_in_a_tools_argument_and_in_anthropics_words_counts_too():
    arguments = json.dumps({"bsn": 111222333})
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    history = [
        {"role": "user", "content": "find"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "none"},
    ]
    with Asked() as asked:
        assert asked.ask("", messages=history)[1:] == ("own", "secret")
        said = {"max_tokens": 9, "system": "BSN 111222333"}
        assert asked.ask("hello", "/v1/messages", **said)[1:] == ("own", "secret")


def test_embeddings_are_asked_of_nobody_who_may_not_see_what_they_are_of():
    with Asked() as asked:
        refused = asked.ask("", "/v1/embeddings", input=["a", "BSN 111222333"])
        assert refused == (503, "policy_no_permitted_upstream", "secret")
        assert asked.vendor.seen == []


def test_where_nobody_is_left_the_caller_is_told_why():
    with Asked(fallbacks=()) as asked:
        assert asked.ask("my BSN is 111222333") == (503, "policy_no_permitted_upstream", "secret")
        assert asked.vendor.seen == []


def test_a_policy_that_tells_no_classes_apart_costs_nothing():
    class Never(OwnFinder):
        def within(self, late):
            raise AssertionError("nobody may look")

    for policy in ({}, {INTERNAL: ("vendor", "own")}, {SECRET: ("vendor", "own")}, {DataClass.PUBLIC: ("own",)}):
        with Asked(Never, allow=policy) as asked:
            assert asked.ask("my BSN is 111222333") == (200, "vendor", None)
    with Asked(Never, detect=False) as asked:
        assert asked.ask("my BSN is 111222333") == (200, "vendor", None)


def test_a_process_may_be_read_though_nobody_is_kept_from_it():
    with Asked(allow={}, detect=True) as asked:
        assert asked.ask("my BSN is 111222333") == (200, "vendor", "secret")
        assert [one.data for one in asked.recorded(1)] == [SECRET]


def test_what_nobody_can_read_counts_as_the_configuration_says():
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBO" * 40}}]
    with Asked() as asked:
        assert asked.ask(image) == (200, "vendor", None)
    with Asked(privacy=Privacy(classes={"unread": SECRET})) as asked:
        assert asked.ask(image)[2] == "secret"


class Fails:
    """A finder that fails in one way or another."""

    keeps_time = False

    def __init__(self, how):
        self.how = how

    def __call__(self, privacy):
        return self

    def warm(self):
        if self.how == "lacks a part":
            raise ImportError("no recogniser")

    def within(self, late):
        return self

    def find(self, text):
        if self.how == "hangs":
            HANGS.wait(60)
        raise RuntimeError(text)


HANGS = threading.Event()


@pytest.mark.parametrize("how", ["raises", "lacks a part", "hangs"])
def test_a_detector_that_is_down_means_the_most_sensitive_class(how, monkeypatch, caplog):
    monkeypatch.setattr(classified, "LONGEST_S", 0.2)
    HANGS.clear()
    with Asked(Fails(how)) as asked:
        assert asked.ask("where is my claim?") == (200, "own", "secret")
        # One that hangs is not waited for again.
        assert asked.ask("jan@example.com") == (200, "own", "secret")
        assert asked.vendor.seen == []
        HANGS.set()
        with urllib.request.urlopen(f"{asked.served.url}/readyz") as page:
            assert "personal data can't be looked for" in page.read().decode()
        assert 'switchover_detection_failures_total{worker="worker-0",process="p"} 2' in asked.page()
    assert "jan@" not in caplog.text


def test_a_long_request_is_read_beside_the_event_loop():
    seen = []

    class Where(OwnFinder):
        def within(self, late):
            seen.append(threading.current_thread().name)
            return super().within(late)

    long = "nothing that is anybody's " * 2000
    with Asked(Where) as asked:
        assert asked.ask("hello")[1] == "vendor"
        ready = asked.served.gateway.classified
        end = time.monotonic() + 60
        while not ready._warm and time.monotonic() < end:
            time.sleep(0.005)
        seen.clear()
        assert asked.ask("hello")[1] == "vendor"
        assert asked.ask(long + "BSN 111222333")[1] == "own"
    assert [name == "detector" for name in seen] == [False, True]


def test_the_class_that_was_found_holds_for_whoever_goes_on_with_an_answer_too():
    policy = {SECRET: ("vendor",)}
    with Asked(allow=policy, midstream=Midstream.CONTINUE) as asked:
        snapshot = asked.served.source.current
        plans = asked.served.gateway.plans
        call = type("C", (), {"process": process(allow=policy), "peek": PEEK, "data": SECRET, "id": "x"})()
        plan = plans.plan_for(call, snapshot, asked.served.gateway.failover)
        assert [one.upstream.name for one in plan.attempts] == ["vendor"]
        assert "keeps secret data from it" in plan.skipped[0].reason


PEEK = type("P", (), {"needs": frozenset()})()


def test_a_class_without_an_entry_is_kept_from_whom_the_nearest_below_it_is_kept_from():
    own, vendor = spec("own", "http://h"), spec("vendor", "http://h")
    one = process(allow={CONFIDENTIAL: ("own",)})
    assert (one.may_see(vendor, {}), one.may_see(vendor, {}, SECRET), one.may_see(own, {}, SECRET)) == (
        True,
        False,
        True,
    )
    # What is found can only take away, and what is found to be less sensitive changes nothing.
    strict = process(
        data=CONFIDENTIAL, allow={CONFIDENTIAL: ("own",), SECRET: ("own", "vendor"), INTERNAL: ("vendor",)}
    )
    assert not strict.may_see(vendor, {}, SECRET)
    assert strict.may_see(own, {}, INTERNAL)


@pytest.mark.parametrize(("allow", "matters"), [
    ({}, False), ({INTERNAL: ("vendor", "own")}, False), (POLICY, True), ({CONFIDENTIAL: ("own",)}, True),
    ({SECRET: ("own", "vendor")}, False), ({SECRET: ()}, True),
])  # fmt: skip
def test_looking_matters_where_a_higher_class_takes_an_upstream_away(allow, matters):
    upstreams = {name: spec(name, "http://h") for name in ("vendor", "own")}
    assert process(allow=allow).narrows(upstreams, {}) is matters
