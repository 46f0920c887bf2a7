"""The demo's story: traffic → record → rehearsal → adaptation → proof → drill → cut-off → past → answer."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

from switchover.access.local import local
from switchover.adaptation.run import WAYS
from switchover.domain.candidate import State, Verdict
from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.process import Settings
from switchover.report.text import render_text
from switchover.wiring import answer, register, rehearsals, running, trials
from switchover.wiring.parts import CLOCK, open_store

from . import money, past, setting, tested
from .insurer import CLAIMS, DESKS, MESSAGES, Row
from .screen import Screen
from .setting import Stage, stage
from .stay import pages_of, stay
from .traffic import Application, Tally, admitted, application, send

ACME = Target(TargetKind.PROVIDER, "acme")
SIMULATED = "vendor"
# About a minute of the small engine's time on two cores; its verdict is what it is by then.
ENGINE_BUDGET = 80
LEGEND = (
    "n: replays; right*: agrees with the vendor's recorded answer; itself: how often the vendor agrees with itself; "
    "anchor: the vote of the nearest records, without a model; difference, with its bounds"
)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is on stage: the settings in force and the two applications."""

    settings: Settings
    sorting: Application
    intake: Application
    messages: list[Row]
    claims: list[Row]
    seed: int


def play(folder: Path, seed: int, screen: Screen, *, stays: bool) -> None:
    """Plays the whole story in ``folder``. Nothing is forced: verdicts fall as they fall.

    With ``stays``, gateway, pages and traffic go on afterwards, until SIGINT.
    """
    screen.title()
    began = time.monotonic()
    with stage(folder, seed) as set_up:
        settings = set_up.write()
        with running.running(settings, log=folder / "up.log") as url:
            cast = _cast(settings, url, seed)
            screen.say(f"gateway on {url}, fake vendors on {' and '.join(set_up.vendors.values())}", "dim")
            asyncio.run(_record(cast, screen))
            _rehearse_as_is(cast, screen)
            _adapt(cast, screen)
            asyncio.run(_drill(cast, screen))
            asyncio.run(_cut(cast, screen))
            settings = _past(set_up, cast, screen)
            _answer(settings, screen)
            screen.say(f"The whole story took {time.monotonic() - began:.0f} s on this machine, seed {seed}.", "dim")
            if stays:
                screen.address(pages_of(settings))
                stay(settings, url, seed)
    if not stays:
        screen.command("Open the dashboard on it, with live traffic", setting.command_again(folder))


def _cast(settings: Settings, url: str, seed: int) -> Cast:
    apps = {
        name: application(DESKS[name], f"{url}/v1", register.create_key(settings, name)[1].reveal())
        for name in (MESSAGES, CLAIMS)
    }
    messages, claims = list(DESKS[MESSAGES].mail()), list(DESKS[CLAIMS].mail())
    rng = random.Random(seed)  # noqa: S311  # the order of the mail, nothing secret
    rng.shuffle(messages)
    rng.shuffle(claims)
    return Cast(settings, apps[MESSAGES], apps[CLAIMS], messages, claims, seed)


async def _record(cast: Cast, screen: Screen) -> None:
    await admitted(cast.sorting, cast.intake)
    total = len(cast.messages) + len(cast.claims)
    screen.step(f"One vendor serves {total:,} calls through the official OpenAI SDK; all recorded")
    done = 0
    with screen.bar("customer messages and claims", total) as show:

        def count(more: int) -> None:
            nonlocal done
            done += more
            show(done)

        began = time.monotonic()
        sorted_, taken = await asyncio.gather(
            send(cast.sorting, cast.messages, progress=count),
            send(cast.intake, cast.claims, progress=count, concurrency=2),
        )
        took = time.monotonic() - began
    recorded = await _recorded(cast.settings, total)
    failed = sorted_.failed + taken.failed
    answered = sorted_.answered + taken.answered
    screen.say(f"{answered:,} answered in {took:.0f} s, {failed} failed; {recorded:,} exchanges on record")


async def _recorded(settings: Settings, wanted: int) -> int:
    """How many exchanges are on record, once all that are wanted are, or after a while."""
    for _ in range(100):
        _, count = register.exchanges(settings, process=None, outcome=None, limit=1)
        if count >= wanted:
            break
        await asyncio.sleep(0.1)
    return count


def _rehearse(
    cast: Cast, screen: Screen, process: str, upstream: str, version: str | None = None, budget: int | None = None
) -> Verdict:
    with screen.bar(f"{process} on {upstream}") as show:
        return rehearsals.rehearse_candidate(
            cast.settings,
            process,
            upstream,
            prompt_version=version,
            seed=cast.seed,
            budget=budget,
            progress=lambda step: show(step.calls, step.budget),
        )


def _rehearse_as_is(cast: Cast, screen: Screen) -> None:
    screen.step(
        "Could a small open model on our own machine take over as it is? Replay it",
        f"switchover rehearse {MESSAGES} --candidate own",
    )
    found = [_rehearse(cast, screen, name, "own") for name in (MESSAGES, CLAIMS)]
    screen.verdicts(found)
    screen.say(LEGEND, "dim")


def _adapt(cast: Cast, screen: Screen) -> None:
    screen.step(
        "Adapt: demonstrations for the model, a student for the task",
        f"switchover adapt {MESSAGES}",
    )
    with screen.bar("on the selection split") as show:
        adapted = trials.adapt_process(
            cast.settings, MESSAGES, ways=WAYS, seed=cast.seed, progress=lambda step: show(step.done, step.total)
        )
    for version in adapted.versions:
        score = "–" if version.score is None else f"{version.score * 100:.0f} %"
        screen.say(f"{version.kind:<16} {score} on the selection split")
    anchor = f"{(adapted.anchor or 0.0) * 100:.0f} %"
    screen.say(f"plain anchor, the vote of the nearest records without any model: {anchor}")
    screen.step(
        "Prove it, on the half of the record that adaptation never saw",
        f"switchover rehearse {MESSAGES} --candidate student",
    )
    budgets = {"own": ENGINE_BUDGET}
    found = [_rehearse(cast, screen, MESSAGES, v.upstream, v.id, budgets.get(v.upstream)) for v in adapted.versions]
    screen.verdicts(found)
    ready = [verdict for verdict in found if verdict.state is State.READY]
    for verdict in ready:
        for part in verdict.evidence.slices:
            bound = f"difference {part.lower:+.2f} or better, at a margin of {part.margin:.2f}"
            screen.say(f"slice {part.name}: {part.replays} replays, {bound}")
    if not ready:
        screen.say("No replacement is READY, so none will be used: that is the point of a proof.", "yellow")


async def _drill(cast: Cast, screen: Screen) -> None:
    if not register.proofs(cast.settings, MESSAGES):
        return
    screen.step(
        "Drill it: the vendor's model vanishes (404) for half of the calls",
        f"switchover drill {MESSAGES} --fault vanished --share 0.5 --for 12s",
    )
    over = asyncio.Event()
    callers = asyncio.create_task(send(cast.sorting, cast.messages, pause=0.05, until=over, concurrency=4))
    try:
        drill = await trials.drill(
            cast.settings,
            MESSAGES,
            target=Target(TargetKind.UPSTREAM, "vendor"),
            fault="vanished",
            share=0.5,
            duration=12.0,
            steady_for=5.0,
            warm_up=5.0,
            approver="head-of-customer-service",
            operator="demo",
            scenario="fable5-export-directive",
            simulated=SIMULATED,
        )
    finally:
        over.set()
        tally = await callers
    outcome = drill.outcome
    if outcome is None:
        screen.say(f"{drill.state}", "yellow")
        return
    rto = "not recovered" if outcome.rto is None else f"recovered in {outcome.rto:.2f} s"
    screen.say(
        f"[bold]{outcome.result}[/]: {outcome.requests} requests met the fault, {outcome.failed} failed; "
        f"{rto}, {outcome.rto_promised:.0f} s promised; control: {outcome.control_requests} requests"
    )
    screen.say(f"callers saw {tally.answered} answers and {tally.failed} failures")


async def _cut(cast: Cast, screen: Screen) -> None:
    screen.step(
        "Five in the afternoon: the vendor goes dark, mid-traffic, for real",
        'switchover cut provider:acme --reason "government letter"',
    )
    messages, claims = Tally(), Tally()
    over = asyncio.Event()
    senders = asyncio.gather(
        send(cast.sorting, cast.messages, pause=0.02, tally=messages, until=over, concurrency=4),
        send(cast.intake, cast.claims, pause=0.1, tally=claims, until=over, concurrency=1),
    )
    await asyncio.sleep(2.0)
    register.place_cut(cast.settings, ACME, reason="demo: government letter", by="demo")
    placed = time.monotonic()
    before = messages.answered
    await asyncio.sleep(6.0)
    over.set()
    await senders
    by = ", ".join(f"{name} {count}" for name, count in messages.upstreams.most_common())
    screen.say(f"customer messages: {messages.answered} answered ({by}), [bold]{messages.failed} failed[/]")
    taken_over = messages.first_answer_by.get("student")
    if taken_over is not None:
        since = messages.answered - before
        screen.say(f"first answer of the student {taken_over - placed:.2f} s after the cut; {since} answered since")
    screen.say(
        f"claim intake: {claims.answered} answered before the cut, then {claims.failed} refused, each with the reason:"
    )
    for reason, _ in claims.errors.most_common(1):
        screen.quote(reason)


def _past(set_up: Stage, cast: Cast, screen: Screen) -> Settings:
    """Lifts the cut and adds what takes weeks to come about; the settings with caps near what was spent."""
    screen.step(
        "The vendor is back. Around this day: five weeks and four processes, made up",
        "switchover restore provider:acme",
    )
    register.lift_cut(cast.settings, ACME, by="demo")
    now = CLOCK.now()
    with open_store(cast.settings) as store:
        today = money.spent(store, cast.settings, now)
        count = past.fill(store, cast.settings, now, seed=cast.seed)
        whole = money.spent(store, cast.settings, now)
        money.settle(cast.settings, whole.less(today), now)
        tested.weeks_ago(store, cast.settings, now, seed=cast.seed)
        bill = money.billed(store, cast.settings, now, set_up.folder / "bills")
    screen.say(
        f"{count:,} exchanges before today, a replacement whose proof has expired, others never tested, medical claims "
        f"that went where they may not go, budgets{', a bill' if bill else ''}: [bold]made up for the demo[/]"
    )
    return set_up.write(money.caps(whole))


def _answer(settings: Settings, screen: Screen) -> None:
    screen.step("The four answers, issued with their evidence", "switchover report issue")
    issued = answer.issue(settings, local())
    render_text(issued.report, screen.console)
    folder = Path(settings.data_dir, "reports")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    saved = {"board.html": issued.html} | ({"board.pdf": issued.pdf} if issued.pdf is not None else {})
    for name, content in saved.items():
        (folder / name).write_bytes(content)
    screen.console.print()
    if issued.report.sealed is not None:
        screen.say(
            f"Evidence: {issued.report.sealed.size} entries under a signed checkpoint; keep that elsewhere, and "
            "[bold]switchover evidence verify[/] finds whatever was changed since",
            "dim",
        )
    screen.say(f"The report: {' and '.join(str(folder / name) for name in saved)}")
