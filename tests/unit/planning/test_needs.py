"""What a request needs of a model, and the upstreams that are passed over for it."""

from switchover.domain.process import Criticality, DataClass, Process
from switchover.planning import plan
from switchover.testing.served import register, spec

PROCESS = Process(
    name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
    fallbacks=("own",),
)  # fmt: skip


def planned(*needs):
    upstreams = [spec(name, "http://127.0.0.1:1", speaks="both") for name in ("vendor", "own")]
    snapshot, _ = register(PROCESS, upstreams, proven=("own",))
    made = plan(snapshot, "claims", 2.0, needs=frozenset(needs))
    return [one.upstream.name for one in made.attempts], made.why_not


def test_what_a_provider_keeps_is_asked_of_the_baseline_alone():
    assert planned() == (["vendor", "own"], "no other upstream is configured")
    served, why = planned("state")
    assert served == ["vendor"]
    assert why == "own: it has none of the earlier answers, conversations or files that the request names"
