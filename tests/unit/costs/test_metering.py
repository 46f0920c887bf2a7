"""Every try is billed: what its upstream told is settled, what it did not tell is estimated, nothing is silently 0."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from switchover.costs.estimates import Learned, prompt_tokens, text_tokens
from switchover.costs.metering import charge_call, meter, price_exchange
from switchover.dialects.said import length_of
from switchover.domain.charge import BILLIONTH, Basis, Charge, Ending
from switchover.domain.exchange import AttemptRecord, Exchange, Length, Outcome, Usage
from switchover.domain.process import Price, UpstreamSpec
from switchover.testing.builders import make_exchange

VENDOR = UpstreamSpec(
    name="vendor", kind="openai", model="big-1", developer="acme", host="acme",
    price=Price(input_mtok="2", output_mtok="8", source="contract 7"),
)  # fmt: skip
OTHER = replace(VENDOR, name="other", model="big-2", host="elsewhere")
KNOWN = {"vendor": VENDOR, "other": OTHER}
# Five bytes a token, of which the model was seen to need many.
FIVE = {"big-1": Learned(answers=1000, read=10**6, asked=5 * 10**6, wrote=10**5, told=10**5, said=5 * 10**5)}


def tried(name: str = "vendor", model: str = "big-1", fault: str | None = None, status: int | None = 200, **more):
    return AttemptRecord(upstream=name, model=model, fault=fault, status=status, elapsed_ms=1.0, **more)


def charges(exchange: Exchange, ratios=FIVE) -> list[Charge]:
    return list(meter(exchange, KNOWN, ratios).charges)


def broken(outcome: Outcome, *attempts: AttemptRecord, said: int | None = 1000, **more) -> Exchange:
    """A stream that did not come to its end; its request has 5,000 bytes and what came of its text ``said``."""
    fields = {"upstream": "vendor", "usage": None} | more
    return make_exchange(
        outcome=outcome, stream=True, attempts=attempts, length=Length(asked=5000, said=said), **fields
    )


def test_an_answer_is_settled_as_its_upstream_told_with_tokens_and_money_by_kind():
    told = Usage(input=1000, cached_input=400, output=100)
    (one,) = charges(make_exchange(usage=told))
    assert (one.basis, one.ending, one.source) == (Basis.SETTLED, Ending.ANSWERED, "contract 7")
    assert (one.tokens, one.spent) == ((600, 400, 0, 100), (1_200_000, 800_000, 0, 800_000, 0))
    assert one.total == one.listed == 2_800_000
    assert (one.provider, one.developer) == ("acme", "acme")


def test_a_stream_that_was_cut_is_estimated_by_what_was_learned_of_its_model_and_says_so():
    exchange = broken(Outcome.TRUNCATED, tried(fault="reset-midway"))
    (one,) = charges(exchange)
    # Five bytes a token, all but the prior's weight of four.
    assert (one.basis, one.ending, one.tokens) == (Basis.ESTIMATED, Ending.CUT, (1001, 0, 0, 201))
    priced = price_exchange(exchange, KNOWN, FIVE)
    assert priced.estimated
    assert priced.amount == Decimal(one.total) / BILLIONTH
    assert priced.gap == "a broken answer of vendor, whose usage was not reported in full, is estimated"


def test_a_caller_who_left_is_billed_with_what_had_come_and_before_that_with_the_prompt():
    (one,) = charges(broken(Outcome.ABANDONED, tried()))
    assert (one.ending, one.tokens[3] > 0) == (Ending.ABANDONED, True)
    early = broken(Outcome.ABANDONED, tried(status=None), upstream=None, model=None, said=0)
    (one,) = charges(early)
    assert (one.ending, one.basis, one.tokens) == (Ending.ABANDONED, Basis.ESTIMATED, (1001, 0, 0, 0))


def test_a_stream_that_told_its_prompt_at_the_beginning_is_not_taken_to_have_said_nothing():
    """Anthropic's message_start tells the prompt's tokens, and one of the answer's."""
    exchange = broken(Outcome.TRUNCATED, tried(fault="reset-midway"), usage=Usage(input=900, output=1))
    (one,) = charges(exchange)
    assert (one.basis, one.tokens) == (Basis.ESTIMATED, (900, 0, 0, 201))
    whole = broken(Outcome.ABANDONED, tried(), usage=Usage(input=900, output=190))
    assert [(one.basis, one.tokens[3]) for one in charges(whole)] == [(Basis.SETTLED, 190)]


def test_a_usage_of_nothing_but_noughts_is_none_and_never_free():
    """Some servers write the field and count nothing; others do so until their stream ends."""
    nought = Usage(input=0, output=0)
    (whole,) = charges(make_exchange(usage=nought, length=Length(asked=5000)))
    assert (whole.basis, whole.tokens[0]) == (Basis.ESTIMATED, 1001)
    (cut,) = charges(broken(Outcome.TRUNCATED, tried(fault="reset-midway"), usage=nought))
    assert (cut.basis, cut.tokens) == (Basis.ESTIMATED, (1001, 0, 0, 201))
    tries = (tried(fault="empty-answer", usage=nought), tried("other", "big-2"))
    failed = make_exchange(upstream="other", attempts=tries, length=Length(asked=5000))
    assert {one.upstream: one.basis for one in charges(failed)}["vendor"] == Basis.ESTIMATED


def test_a_try_that_failed_before_another_one_answered_is_billed_beside_it():
    tries = (tried(fault="slow-first-token", status=None), tried("other", "big-2"))
    exchange = replace(broken(Outcome.COMPLETE, *tries), upstream="other", usage=Usage(input=10, output=3))
    found = {(one.upstream, one.ending): one.basis for one in charges(exchange)}
    assert found == {("vendor", Ending.FAILED): Basis.ESTIMATED, ("other", Ending.ANSWERED): Basis.SETTLED}


def test_a_try_that_failed_with_a_usage_is_settled_with_that():
    tries = (tried(fault="empty-answer", usage=Usage(input=70, output=0)), tried("other", "big-2"))
    exchange = make_exchange(upstream="other", attempts=tries)
    found = {one.upstream: (one.basis, one.tokens) for one in charges(exchange)}
    assert found["vendor"] == (Basis.SETTLED, (70, 0, 0, 0))


def test_what_was_turned_down_never_sent_or_stopped_by_a_drill_is_billed_by_nobody():
    free = (
        tried(fault="rate-limited", status=429), tried(fault="connect-refused", status=None),
        tried(fault="slow-first-token", status=None, cut_off="c-1"),
    )  # fmt: skip
    exchange = make_exchange(outcome=Outcome.FAILED, upstream=None, model=None, attempts=free, usage=None)
    assert charges(exchange) == []
    assert price_exchange(exchange, KNOWN).amount == 0


def test_counting_tokens_is_free():
    assert charges(make_exchange(dialect="anthropic_count_tokens", usage=None)) == []


def test_what_has_no_price_says_why_and_is_in_no_sum():
    gone = make_exchange(upstream="gone", attempts=(tried("gone"),))
    other = make_exchange(attempts=(tried(model="big-0"),))
    dead = make_exchange(outcome=Outcome.UNFINISHED, upstream=None, model=None, attempts=(), usage=None)
    own = {"vendor": replace(VENDOR, kind="local", host="own", price=None)}
    assert [one.source for one in charges(gone)] == ["gone is not configured any more"]
    assert [one.source for one in charges(other)] == [
        "vendor answered with big-0 then, and is configured with another model now"
    ]
    assert [one.source for one in charges(dead)] == ["requests whose worker died: nobody knows whom they were sent to"]
    (ours,) = meter(make_exchange(), own).charges
    assert ours.source == "vendor runs on our own machine, whose hourly cost is not stated"
    for one in (*charges(gone), *charges(other), *charges(dead), ours):
        assert (one.basis, one.total) == (Basis.UNPRICED, 0)
    assert meter(dead, KNOWN).amount is None


def test_a_trials_call_is_charged_alike_and_one_without_a_usage_says_so():
    told = charge_call(VENDOR, Usage(input=1000, output=100), 0.0)
    assert (told.basis, told.total) == (Basis.SETTLED, 2_800_000)
    untold = charge_call(VENDOR, None, 0.0, Ending.FAILED)
    assert (untold.basis, untold.source) == (Basis.UNPRICED, "a call of vendor, whose usage was not reported")


def test_an_embedding_that_was_not_told_of_is_estimated_without_an_output():
    exchange = make_exchange(dialect="openai_embeddings", usage=None, length=Length(asked=400))
    (one,) = charges(exchange, {})
    assert (one.basis, one.tokens) == (Basis.ESTIMATED, (100, 0, 0, 0))


def test_a_settled_answer_teaches_how_long_tokens_are_and_an_odd_one_does_not():
    told = make_exchange(usage=Usage(input=1000, output=50), length=Length(asked=4100, said=210))
    assert (sample := meter(told, KNOWN).sample) is not None
    assert (sample.read, sample.asked, sample.wrote, sample.said) == (1000, 4100, 50, 210)
    # A picture by its address: a thousand tokens in a hundred bytes.
    assert meter(replace(told, length=Length(asked=100)), KNOWN).sample is None
    assert meter(broken(Outcome.TRUNCATED, tried(fault="reset-midway")), KNOWN).sample is None


def test_a_picture_in_a_request_counts_as_text_of_as_many_tokens():
    picture = b"A" * 400_000
    found = length_of(replace(make_exchange(), request=b'{"image":"data:image/png;base64,' + picture + b'"}'))
    assert found is not None
    assert 1000 <= prompt_tokens(found.asked, Learned()) <= 2000


def test_streams_without_a_usage_are_measured_and_of_others_one_in_sixteen():
    answer = b'data: {"choices":[{"delta":{"content":"forty-two"}}]}\n\ndata: [DONE]\n\n'
    one = replace(make_exchange(stream=True), answer=answer)
    assert length_of(replace(one, usage=None)) == Length(asked=len(one.request), said=9)
    measured = [length_of(replace(one, id=f"x{n}")) for n in range(1600)]
    assert 60 < sum(found is not None and found.said is not None for found in measured) < 140


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**7))
def test_an_estimate_is_never_zero_and_grows_with_what_was_heard(asked, read, seen):
    learned = Learned(answers=1, read=read, asked=seen, told=read, said=seen)
    assert prompt_tokens(asked, learned) >= 1
    assert text_tokens(asked, learned) <= text_tokens(asked + 1000, learned)
