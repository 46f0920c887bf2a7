"""The figures of ``specs/verdict.md``, each measured by simulation."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from switchover.stats.drift import THRESHOLD, agreement_detector, drift_detector
from switchover.stats.noninferiority import Ledger, Terms, weigh

from . import candidates, judged, over_time
from .candidates import MARGIN, Array, Draw, paired
from .others import EVERY, FIXED, LOOKS, OTHERS
from .rule import ALPHA, BETA, HORIZON, SLICE_MARGIN, in_chunks, nearest, to_not_ready, to_ready
from .table import Beside, Line, mean_line, share_line

NULLS: dict[str, Draw] = {
    "5 points worse": paired(0.85),
    "rare failures": candidates.rare_failures,
    "differences between two bins": candidates.between_bins,
    "copies handled": candidates.copies,
    "critical slice oversampled, and thinned": candidates.oversampled,
    "best of 20 versions, held out": candidates.best_of_many,
}
# The same traps without what the product does about them.
UNGUARDED: dict[str, Callable[[int, int], Array]] = {
    "rounding to the nearest bin": lambda runs, seed: to_ready(candidates.between_bins, runs, seed, bin_of=nearest),
    "copies replayed as independent": lambda runs, seed: to_ready(candidates.unhandled_copies, runs, seed),
    "critical slice oversampled, not thinned": lambda runs, seed: to_ready(candidates.unthinned, runs, seed),
    "best of 20 versions, judged where it was chosen": lambda runs, seed: to_ready(
        candidates.chosen_on_the_same, runs, seed, horizon=candidates.CHOSEN_ON
    ),
}
LABELS = {(0.05, "overlooks 9 failures in 10"): 105.0, (0.10, "overlooks 9 failures in 10"): 36.0}
LABELS |= {(0.05, "+.3"): 105.0, (0.10, "+.3"): 36.0}
LONG_RUN = 10_000


def capped(replays: Array, most: int = HORIZON) -> Array:
    """Replays made; never reached counts as all there were."""
    return np.minimum(replays, float(most))


def null(name: str, runs: int, seed: int) -> list[Line]:
    """False READY where the candidate is as much worse as the margin forbids, looked at after every replay."""
    share = float(np.isfinite(to_ready(NULLS[name], runs, seed)).mean())
    return [share_line(f"false READY: {name}", share, ALPHA, runs)]


def looking_on(runs: int, seed: int) -> list[Line]:
    """The same looked at four times as long; and the mirrored test where the candidate is just good enough."""
    long = float(np.isfinite(to_ready(paired(0.85), runs, seed, horizon=LONG_RUN)).mean())
    turned = float(np.isfinite(to_not_ready(paired(0.85), runs, seed)).mean())
    return [
        share_line(f"false READY: 5 points worse, looked at {LONG_RUN:,} times", long, ALPHA, runs),
        share_line("false NOT READY: 5 points worse, which is still allowed", turned, BETA, runs),
    ]


def ageing(runs: int, seed: int) -> list[Line]:
    """False READY where evidence is spread over 120 days and fades."""
    last, ever = over_time.aged(0.85, runs, np.random.default_rng(seed))
    return [
        share_line("false READY: aged evidence, on the last of 120 days", last, ALPHA, runs),
        share_line("false READY: aged evidence, on any of 120 days", ever, ALPHA, runs),
    ]


def biased_judge(name: str, runs: int, seed: int) -> list[Line]:
    """False READY by a judge that favours the candidate, set right by people's labels on half the cases."""
    replays, _ = judged.rectified(judged.JUDGES[name], 0.85, runs, seed, MARGIN, HORIZON)
    return [share_line(f"false READY: judge {name}, with labels", float(np.isfinite(replays).mean()), ALPHA, runs)]


def labels(name: str, margin: float, runs: int, seed: int) -> list[Line]:
    """Labels that an equal candidate takes to READY, where answers differ in 40 % of the cases."""
    _, seen = judged.rectified(judged.JUDGES[name], 0.90, runs, seed, margin)
    said = f"labels to READY at margin {margin:.2f}, judge {name}: mean"
    target = LABELS.get((margin, name))
    return [Line(said, float(seen.mean()), unit="count") if target is None else mean_line(said, seen, target)]


def equal(runs: int, seed: int) -> list[Line]:
    """Replays that an equal candidate takes."""
    replays = to_ready(paired(0.90), runs, seed)
    p95, late = float(np.quantile(capped(replays), 0.95)), float((replays > 825).mean())
    return [
        mean_line("replays to READY, equal: mean", capped(replays), 330.0),
        Line("replays to READY, equal: p95", p95, 825.0, share_line("", late, 0.05, runs).holds, "count"),
    ]


def others_than_equal(runs: int, seed: int) -> list[Line]:
    """Replays that better and worse candidates take."""
    return [
        mean_line("replays to READY, flawless", capped(to_ready(candidates.flawless, 1, seed)), 80.0),
        mean_line("replays to READY, 2 points better: mean", capped(to_ready(paired(0.92), runs, seed)), 165.0),
        mean_line("replays to NOT READY, 10 points worse: mean", capped(to_not_ready(paired(0.80), runs, seed)), 200.0),
    ]


def critical_slice(runs: int, seed: int) -> list[Line]:
    """Replays of its own that a critical slice takes."""
    replays = capped(to_ready(paired(0.90), runs, seed, SLICE_MARGIN))
    return [mean_line("critical slice at margin .10, equal: mean", replays, 90.0)]


def drift(runs: int, seed: int) -> list[Line]:
    """How soon a fall is seen, and how long it is until one is seen that is none."""
    fell = over_time.alarms(over_time.differences(0.80, seed), drift_detector(), runs, HORIZON)
    strayed = over_time.alarms(over_time.agreements(0.80, seed), agreement_detector(), runs, HORIZON)
    lines = [
        mean_line("replays until a fall to -10 points is seen: mean", fell, 140.0),
        mean_line("canaries until agreement of 80 % instead of 95 % is seen: mean", strayed, 50.0),
    ]
    few = max(runs // 4, 100)
    for name, quiet in (
        ("replays", over_time.alarms(over_time.differences(0.90, seed), drift_detector(), few, LONG_RUN)),
        ("canaries", over_time.alarms(over_time.agreements(0.95, seed), agreement_detector(), few, LONG_RUN)),
    ):
        low = float(quiet.mean() + 2.326 * quiet.std() / np.sqrt(len(quiet)))
        said = f"{name} to an alarm without a change: mean"
        lines.append(Line(said, float(quiet.mean()), THRESHOLD, low >= THRESHOLD, "count", at_least=True))
    return lines


def many_cells(runs: int, seed: int) -> list[Line]:
    """False ones among the READY that e-BH believes, of forty cells."""
    share = over_time.false_discoveries(max(runs // 10, 20), seed)
    return [share_line("false READY among those e-BH believes, 40 cells", share, ALPHA, max(runs // 10, 20))]


def cpu_per_replay(replays: int = 1_000) -> Line:
    """CPU of one update with both bounds, worst of a label's three values and scores that fill every bin."""
    rng, worst = np.random.default_rng(1), 0.0
    for differences in (paired(0.90)(rng, 1, replays)[0], rng.uniform(-1, 1, replays)):
        ledger = Ledger()
        begun = time.process_time()
        for place, d in enumerate(differences):
            ledger = ledger.add(place * 3_000.0, float(d))
            weigh(ledger, place * 3_000.0, Terms())
        worst = max(worst, (time.process_time() - begun) / replays * 1_000)
    return Line("CPU per replay, update and both bounds", worst, 1.0, worst <= 1.0, "ms")


def unguarded(name: str, runs: int, seed: int) -> list[Line]:
    """False READY without what the product does about a trap."""
    share = float(np.isfinite(UNGUARDED[name](runs, seed)).mean())
    return [share_line(name, share, ALPHA, runs)]


def judge_alone(name: str, runs: int, seed: int) -> list[Line]:
    """False READY by a judge that nobody sets right."""
    share = judged.judge_alone(judged.JUDGES[name], 0.85, runs, seed, MARGIN)
    return [share_line(f"judge {name}, alone", share, ALPHA, runs)]


OURS = "this rule"
MOST = {"Wald test, once after 200 replays": FIXED, "Pocock, ten looks every 25 replays": LOOKS * EVERY}


def beside(name: str, runs: int, seed: int) -> Beside:
    """A rule, or :data:`OURS`, in two nulls and on an equal candidate."""

    def says(draw: Draw) -> Array:
        return to_ready(draw, runs, seed) if name == OURS else in_chunks(draw, runs, seed, OTHERS[name])

    fair = says(paired(0.90))
    return Beside(
        name=name,
        worse=float(np.isfinite(says(NULLS["5 points worse"])).mean()),
        rare=float(np.isfinite(says(NULLS["rare failures"])).mean()),
        equal=float(np.isfinite(fair).mean()),
        replays=float(capped(fair, MOST.get(name, HORIZON)).mean()),
    )
