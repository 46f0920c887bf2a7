"""How many calls an upstream is given at once, and what becomes of one that is put off."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from switchover.errors import Denied, NotYet, RateLimited
from switchover.trial.gate import LOW_QUOTA_WAIT_S, PATIENCE_S, Gate, PutOff
from switchover.trial.pace import Pace
from switchover.trial.purse import Purse
from switchover.trial.quota import share_left
from switchover.trial.replay import Reply, Sign, ask_in_time


class Skipping:
    """A clock on which waiting takes no time."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    monotonic = now

    async def sleep(self, seconds):
        until = self.at + seconds
        await asyncio.sleep(0)
        self.at = max(self.at, until)


def answered(pace, times, seconds=0.5, now=0.0):
    for _ in range(times):
        pace.answered(now, seconds)


def test_it_begins_with_two_and_doubles_up_to_the_most():
    pace, seen = Pace(20), []
    for _ in range(6):
        seen.append(pace.limit)
        answered(pace, max(8, pace.limit))
    assert seen == [2, 4, 8, 16, 20, 20]


def test_after_a_sign_of_strain_it_halves_once_and_then_grows_by_one():
    pace = Pace(64)
    answered(pace, 24)
    assert pace.limit == 16
    pace.strained(begun=1.0, now=2.0)
    # These began before that cut: they tell of the load before it.
    pace.strained(begun=1.5, now=2.1)
    pace.strained(begun=2.0, now=2.2)
    assert pace.limit == 8
    answered(pace, 8)
    assert pace.limit == 9


def test_answers_that_take_ever_longer_are_a_sign_too():
    pace = Pace(64)
    answered(pace, 24, seconds=0.5)
    answered(pace, 16, seconds=1.7)
    assert pace.limit == 12
    fast = Pace(64)
    answered(fast, 24, seconds=0.001)
    answered(fast, 16, seconds=0.02)
    assert fast.limit == 32


def test_a_pace_spreads_the_calls_and_none_at_once_is_no_pace():
    pace = Pace(8, per_second=4.0)
    assert pace.next_at(10.0) == 10.0
    pace.begin(10.0)
    assert pace.next_at(10.1) == 10.25
    pace.begin(10.25)
    assert pace.next_at(10.3) is None
    pace.end()
    assert pace.next_at(10.6) == 10.6
    with pytest.raises(ValueError, match="at least one"):
        Pace(0)


class Provider:
    """Answers as the list says, then always with "yes"; remembers when it was asked."""

    def __init__(self, clock, *replies):
        self.clock, self.replies, self.at = clock, list(replies), []

    async def __call__(self):
        self.at.append(self.clock.monotonic())
        found = self.replies.pop(0) if self.replies else Reply("yes")

        async def ask(_):
            if isinstance(found, Exception):
                raise found
            return found

        return await ask_in_time(ask, {}, 60.0, self.clock)


def through(*replies, most=8, calls=1, **more):
    """What a gate let through, when, and what it told it waited for."""

    async def main():
        clock = Skipping()
        provider, told = Provider(clock, *replies), []
        gate = Gate("vendor", Pace(most), clock, **more)
        gate.told = lambda: told.append(gate.waiting)
        found = await asyncio.gather(*(gate.through(provider) for _ in range(calls)), return_exceptions=True)
        return found, provider.at, [one for one in told if one], gate

    return asyncio.run(main())


@pytest.mark.parametrize("error", [RateLimited("slow down", retry_after=20.0), NotYet("loading", retry_after=20.0)])
def test_who_is_asked_to_wait_waits_as_long_and_is_answered_then(error):
    [reply], at, told, gate = through(error)
    assert reply.text == "yes"
    assert at[1] - at[0] >= 20.0
    assert told == ["vendor asks us to wait"]
    assert gate.pace.limit == 1


def test_without_a_word_on_how_long_the_waits_double():
    [reply], at, _, _ = through(*[RateLimited("slow down")] * 4)
    assert reply.text == "yes"
    waits = [after - before for before, after in pairwise(at)]
    assert [wait >= least for wait, least in zip(waits, (1, 2, 4, 8), strict=True)] == [True] * 4


def test_on_a_quota_that_live_routes_share_nobody_else_asks_meanwhile():
    refused = [RateLimited("slow down")] * 2
    found, at, told, _ = through(*refused, calls=6, live=True)
    assert [reply.text for reply in found] == ["yes"] * 6
    assert min(at[2:]) - at[0] >= 30.0
    assert told[0] == "vendor asks us to wait, and live routes share its quota"


def test_half_of_a_shared_quota_is_left_to_live_routes():
    found, at, told, _ = through(Reply("yes", left=0.4), Reply("yes", left=0.9), calls=2, most=1, live=True)
    assert at[1] - at[0] >= LOW_QUOTA_WAIT_S
    assert told == ["what is left of the quota of vendor is left to live routes"]
    _, at, told, _ = through(Reply("yes", left=0.4), Reply("yes"), calls=2, most=1)
    assert at[1] - at[0] < LOW_QUOTA_WAIT_S
    assert not told
    assert len(found) == 2


def test_patience_ends_for_all_who_wait_and_says_why():
    found, at, _, _ = through(*[RateLimited("slow down")] * 1_000, calls=3)
    assert all(isinstance(one, PutOff) for one in found)
    assert "vendor asks us to wait, for 15 minutes by now" in str(found[0])
    assert at[-1] - at[0] <= PATIENCE_S
    [one], at, _, _ = through(RateLimited("tomorrow", retry_after=40_000.0))
    assert isinstance(one, PutOff)
    assert len(at) == 1


def test_who_turns_us_away_ends_the_run_unless_it_is_the_baseline():
    error = Denied("no", fault="quota-spent")
    [one], at, _, _ = through(error)
    assert isinstance(one, PutOff)
    assert len(at) == 1
    [reply], _, _, _ = through(error, must_answer=False)
    assert (reply.text, reply.sign) == (None, Sign.TURNED_AWAY)


def test_an_engine_that_answers_callers_is_left_to_them():
    looks = iter([True, True, False])
    [reply], at, told, _ = through(busy=lambda: next(looks, False))
    assert reply.text == "yes"
    assert told == ["vendor is answering callers, who come first"]
    assert at[0] >= 4.0


def test_a_caller_who_gives_up_leaves_its_place_to_the_next():
    async def main():
        clock = Skipping()
        gate, free = Gate("vendor", Pace(1), clock), asyncio.Event()

        async def held():
            await free.wait()
            return Reply("first")

        async def quick():
            return Reply("last")

        first = asyncio.create_task(gate.through(held))
        await asyncio.sleep(0)
        waits = [asyncio.create_task(gate.through(quick)) for _ in range(2)]
        await asyncio.sleep(0)
        waits[0].cancel()
        free.set()
        return (await first).text, (await waits[1]).text, gate.pace.in_hand

    assert asyncio.run(main()) == ("first", "last", 0)


def test_a_purse_counts_what_nobody_knows_as_the_dearest_and_keeps_to_its_limit():
    purse = Purse(100)
    assert purse.fits(3)
    purse.pay([30, 10])
    assert (purse.spent, purse.fits(0), purse.fits(1)) == (40, True, False)
    purse.pay([None])
    assert (purse.spent, purse.unknown, purse.fits(0)) == (80, 1, False)
    nobody = Purse()
    nobody.pay([None, 0])
    assert nobody.spent is None
    assert nobody.fits(1_000)


def test_the_least_share_of_any_quota_is_read_from_the_headers():
    openai = {
        "x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "400",
        "x-ratelimit-limit-tokens": "30000", "x-ratelimit-remaining-tokens": "6000",
    }  # fmt: skip
    assert share_left(openai) == pytest.approx(0.2)
    assert (
        share_left({"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49"}) == 0.98
    )
    assert share_left({"x-ratelimit-remaining-requests": "4", "x-ratelimit-limit-requests": "many"}) is None
    assert share_left({}) is None
