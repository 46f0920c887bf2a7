"""What could serve, at what price, and whether it is proven; what has no price is named and never free."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.costs.assumptions import shipped
from switchover.costs.options import Known, world
from switchover.costs.project import Priced
from switchover.domain.candidate import Cell, Evidence, SliceEvidence, State, Verdict, fingerprint
from switchover.domain.costing import Costing, OptionSpec, PriceEvent
from switchover.domain.process import DataClass, Price
from switchover.testing.builders import NOW, make_process, make_proof, make_settings, make_upstream
from switchover.testing.sample_costs import usage

DEAR, CHEAP = (
    Price(input_mtok=read, output_mtok=written, source="a test") for read, written in (("2", "10"), ("0.2", "1"))
)
VENDOR = make_upstream(price=DEAR)
HOST = make_upstream("host", model="gpt-oss-120b", price=CHEAP)
STUDENT = make_upstream("student", kind="student", model="student")


def settings(*options, upstreams=(VENDOR, HOST, STUDENT), **changes):
    claims = make_process("claims", fallbacks=("host",), **changes)
    return make_settings(
        upstreams={spec.name: spec for spec in upstreams},
        processes={"claims": claims, "letters": replace(claims, name="letters")},
        costing=Costing(options=options),
    )


def built(found, proofs=(), names=("claims", "letters")):
    options, gaps = world(found, {name: usage(name) for name in names}, Known(proofs=proofs), NOW, 24)
    return {one.name: one for one in options.options}, gaps


def proof(process="claims", spec=HOST, **changes):
    return make_proof(spec, id=f"proof-of-{process}", process=process, **changes)


def timed(spec, seconds):
    """A verdict on claims that took so long for an answer."""
    cell = Cell(
        process="claims", upstream=spec.name, fingerprint=fingerprint(spec), prompt_version="v", grader="g", epoch="e"
    )
    overall = SliceEvidence(
        name="overall",
        replays=9,
        margin=0.1,
        mean_difference=0.0,
        lower=-0.1,
        upper=0.1,
        log_e_ready=0.0,
        log_e_not_ready=0.0,
    )
    evidence = Evidence(
        overall=overall,
        slices=(),
        ungraded=0,
        coverage=1.0,
        candidate_score=None,
        baseline_self_agreement=None,
        anchor_score=None,
        still_needed=None,
        reasons=(),
    )
    return Verdict(
        id="v1", cell=cell, state=State.UNPROVEN, evidence=evidence, made_at=NOW, expires_at=None, seed=1, calls=9,
        seconds_per_replay=seconds,
    )  # fmt: skip


def test_without_options_of_ones_own_every_kind_is_there():
    options, gaps = built(settings())
    assert list(options) == ["stay", "host", "dgx-spark-bought", "h100-80-sxm-rented"]
    assert all(one.lacks is None for one in options.values())
    assert options["stay"].moved == ()
    assert options["host"].moved == ("claims", "letters")
    assert gaps == ()


def test_without_an_upstream_of_open_weights_their_list_price_is_taken():
    options, _ = built(settings(upstreams=(VENDOR, replace(HOST, model="big-2"), STUDENT)))
    hosted = options["gpt-oss-120b-hosted"].serves["claims"]
    assert isinstance(hosted, Priced)
    assert hosted.rates[0].tolist() == [0.15, 0.15, 0.6]
    assert "facts/prices.yaml, checked 2026-11-22" in hosted.source


def test_an_option_is_unproven_where_no_proof_in_date_says_otherwise():
    options, _ = built(settings(), [proof()])
    assert set(options["host"].proven) == {"claims"}
    assert options["host"].unproven == {"letters": "UNPROVEN: no proof in date for host"}
    assert options["host"].proven["claims"].low == -0.05


def test_a_machine_is_proven_by_the_upstream_that_is_named_beside_it_and_by_no_other():
    box = OptionSpec(name="box", machine="dgx-spark", model="gpt-oss-120b", upstream="host")
    named = settings(box, OptionSpec(name="alone", machine="dgx-spark", model="gpt-oss-120b"))
    options, _ = built(named, [proof(), proof("letters")])
    assert options["box"].unproven == {}
    assert "if host has the very same weights, name it" in options["alone"].unproven["claims"]


def test_a_machine_of_our_own_is_not_kept_away_with_the_host_that_was_rehearsed():
    box = OptionSpec(name="box", machine="dgx-spark", model="gpt-oss-120b", upstream="host")
    found = settings(box, allow={DataClass.CONFIDENTIAL: ("vendor",)})
    assert "UNPROVEN: no proof in date for host" in built(found)[0]["box"].unproven["claims"]


def test_what_a_rehearsal_timed_is_a_throughput_where_nothing_was_measured():
    box = OptionSpec(name="box", machine="dgx-spark", upstream="student")
    verdict = timed(STUDENT, 0.5)
    found, known = settings(box), Known(verdicts=(verdict,))
    options = {one.name: one for one in world(found, {"claims": usage()}, known, NOW, 24)[0].options}
    speed = options["box"].serves["claims"].throughput
    # 1,000 tokens an answer in half a second, one at once; reading is in it.
    assert (speed.write, speed.read) == (2000.0, float("inf"))
    elsewhere = Known(verdicts=(timed(HOST, 0.5),))
    lacking = world(found, {"claims": usage()}, elsewhere, NOW, 24)[0].options[1]
    assert lacking.lacks == "no measured throughput of student on dgx-spark"


@pytest.mark.parametrize(
    "other",
    [
        proof(spec=replace(HOST, model="gpt-oss-20b")),
        proof(state=State.PROVISIONAL),
        proof(spec=STUDENT),
    ],
    ids=["another model", "provisional", "another upstream"],
)
def test_a_proof_of_something_else_proves_nothing(other):
    assert "claims" in built(settings(), [other])[0]["host"].unproven


def test_a_provisional_proof_counts_where_the_process_accepts_it():
    found = settings(accept_provisional=True)
    assert "claims" in built(found, [proof(state=State.PROVISIONAL)])[0]["host"].proven


def test_whom_the_data_policy_keeps_away_is_no_way_to_save():
    found = settings(allow={DataClass.CONFIDENTIAL: ("vendor",)})
    options, _ = built(found, [proof(), proof("letters")])
    assert options["host"].unproven["claims"] == "the data policy keeps confidential data from host"


def test_a_process_without_a_price_is_left_out_of_every_option_and_named():
    found = settings()
    processes = dict(found.processes, letters=replace(found.processes["letters"], baseline="unpriced", fallbacks=()))
    unpriced = make_upstream("unpriced", model="nobody-knows")
    found = replace(found, processes=processes, upstreams=dict(found.upstreams, unpriced=unpriced))
    options, gaps = built(found)
    assert all(set(one.serves) == {"claims"} for one in options.values())
    want = "letters is left out: no price for acme/nobody-knows; state one under upstreams.unpriced.price"
    assert want in gaps


def test_where_nothing_has_a_price_nothing_is_projected():
    with pytest.raises(ValueError, match="claims is left out: no price for acme/big-1"):
        built(settings(upstreams=(replace(VENDOR, price=None), HOST, STUDENT)))


def test_an_option_without_a_price_says_why_and_the_others_stand():
    found = settings(
        OptionSpec(name="big", machine="h200-141-sxm", model="qwen3.5-35b-a3b"),
        OptionSpec(name="odd", machine="mi300x-192", model="gpt-oss-120b"),
        OptionSpec(name="ours", upstream="student"),
        OptionSpec(name="host", upstream="host"),
    )
    options, gaps = built(found)
    assert options["big"].lacks == "the price of h200-141-sxm is not known"
    assert options["odd"].lacks == "no measured throughput of gpt-oss-120b on mi300x-192"
    assert options["ours"].lacks == "student runs on our own machine; name that machine under costs.options"
    assert options["host"].lacks is None
    assert f"big can't be priced: {options['big'].lacks}" in gaps


def test_a_throughput_of_ones_own_goes_before_the_facts():
    own = OptionSpec(name="box", machine="dgx-spark", model="gpt-oss-120b", tokens_per_second=99.0, measured="our run")
    options, _ = built(settings(own))
    speed = options["box"].serves["claims"].throughput
    assert (speed.write, speed.source) == (99.0, "our run")


def test_staying_on_our_own_machine_has_the_price_of_that_machine():
    box = OptionSpec(name="box", upstream="student", machine="dgx-spark", tokens_per_second=300.0, measured="our run")
    found = settings(box)
    processes = {name: replace(one, baseline="student", fallbacks=()) for name, one in found.processes.items()}
    options, gaps = built(replace(found, processes=processes))
    assert options["stay"].serves["claims"] == options["box"].serves["claims"]
    assert options["box"].moved == ()
    assert gaps == ()


def test_a_mix_serves_each_process_as_it_says():
    found = settings(
        OptionSpec(name="host", upstream="host"), OptionSpec(name="half", mix={"letters": "host"}),
    )  # fmt: skip
    options, _ = built(found, [proof("letters")])
    assert options["half"].moved == ("letters",)
    assert options["half"].serves["claims"] == options["stay"].serves["claims"]
    assert options["half"].unproven == {}


def test_the_mix_by_itself_takes_what_is_cheapest_and_proven_for_each_process():
    found = settings()
    free = replace(shipped()["defect_usd"], value=0.0, low=0.0, high=0.0)
    harmless = replace(found, costing=replace(found.costing, assumptions={"defect_usd": free}))
    options, _ = built(harmless, [proof("letters")])
    assert options["mix"].words == "claims: stay, letters: host"
    # Nothing is proven; or what is costs more in worse answers than it saves.
    assert "mix" not in built(found)[0]
    assert "mix" not in built(found, [proof("letters")])[0]


def test_a_price_that_is_announced_is_that_of_its_month():
    announced = replace(VENDOR, model="gemini-3.6-flash", host="google", price=None)
    options, _ = built(settings(upstreams=(announced, HOST, STUDENT)))
    rates = options["stay"].serves["claims"].rates
    # NOW is in May 2026; from January 2027 on it costs twice as much (facts/events.yaml, gemini-intro-expiry).
    assert rates[-1][2] == pytest.approx(2 * rates[0][2])


def test_an_event_whose_day_is_past_is_in_todays_price_and_is_not_counted_once_more():
    past = PriceEvent(
        name="list rise", where="vendor", at=NOW - 86_400, probability=1.0, low=50, value=75, high=100,
        source="a letter", owner="purchasing",
    )  # fmt: skip
    coming = replace(past, at=NOW, name="contract ends")
    found = settings()
    found = replace(found, costing=replace(found.costing, events=(past, coming)))
    projected, gaps = world(found, {"claims": usage("claims")}, Known(events=(replace(past, at=NOW + 1),)), NOW, 24)
    assert [(one.name, one.at) for one in projected.events] == [("contract ends", NOW), ("list rise", NOW + 1)]
    assert [gap for gap in gaps if "past" in gap] == [
        "list rise at vendor was expected on 2026-05-27: that is past, and today's price is taken as it is"
    ]
