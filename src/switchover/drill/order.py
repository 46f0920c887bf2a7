"""What a drill is to do, written down before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from switchover.domain.cut_off import Target
from switchover.domain.process import Process, Provider, Settings, UpstreamSpec
from switchover.errors import NotFound, OperatorError
from switchover.faults import FAULTS, make


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOrder:
    """One drill. Durations are seconds, shares 0–1; build with :meth:`of`, which checks it against the configuration.

    ``upstreams`` are the process's, ``lost`` names those that the target covers.
    ``warm_up`` is the window over which steady state is measured before and after; ``steady_for`` how long errors must
    stay low before traffic counts as recovered. ``max_error_share`` is steady state; beyond ``stop_error_share`` or
    ``stop_p95_ms`` the drill is lifted. ``simulated`` says what is not real, for every page of the report.
    """

    process: Process
    target: Target
    lost: frozenset[str]
    upstreams: Mapping[str, UpstreamSpec]
    providers: Mapping[str, Provider]
    fault: str
    settings: Mapping[str, float] = field(default_factory=dict)
    hypothesis: str
    approver: str
    operator: str
    share: float = 0.05
    duration: float = 300.0
    steady_for: float = 60.0
    warm_up: float = 60.0
    fewest: int = 5
    max_error_share: float = 0.02
    stop_error_share: float = 0.20
    stop_p95_ms: float = 30_000.0
    scenario: str | None = None
    simulated: str | None = None
    reports: Path | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        process: str,
        *,
        target: Target,
        fault: str,
        approver: str,
        operator: str,
        hypothesis: str | None = None,
        fault_settings: Mapping[str, float] | None = None,
        **terms: object,
    ) -> DrillOrder:
        """An order for a process of the configuration; ``terms`` are the other fields.

        Raises NotFound for an unknown process, OperatorError for a fault, share or duration that makes no sense, or a
        target that takes nothing from the process.
        """
        if process not in settings.processes:
            known = ", ".join(sorted(settings.processes))
            raise NotFound(f"there is no process {process!r}", mend=f"name one of: {known}")
        its = settings.processes[process]
        specs = {name: settings.upstreams[name] for name in its.upstreams}
        lost = frozenset(name for name, spec in specs.items() if target.covers(spec, settings.providers))
        order = cls(
            process=its,
            target=target,
            lost=lost,
            upstreams=specs,
            providers=settings.providers,
            fault=fault,
            settings=dict(fault_settings or {}),
            hypothesis=hypothesis or _hypothesis(its, target),
            approver=approver,
            operator=operator,
            **terms,  # type: ignore[arg-type]  # a wrong name is a TypeError, as in any call
        )
        order.check()
        return order

    @property
    def thresholds(self) -> dict[str, float]:
        """The limits, as they are saved before the drill begins."""
        return {
            "rto_s": self.process.rto,
            "steady_for_s": self.steady_for,
            "max_error_share": self.max_error_share,
            "stop_error_share": self.stop_error_share,
            "stop_p95_ms": self.stop_p95_ms,
        }

    def check(self) -> None:
        """Raises OperatorError for what can't be carried out."""
        if self.fault not in FAULTS:
            raise OperatorError(
                f"there is no fault named {self.fault!r}", mend=f"use one of {', '.join(sorted(FAULTS))}"
            )
        make(self.fault, self.settings)
        if self.process.baseline not in self.lost:
            raise OperatorError(
                f"{self.target} does not take the baseline {self.process.baseline} from {self.process.name}",
                mend=f"drill what serves it: upstream:{self.process.baseline}, or its provider or jurisdiction",
            )
        if not 0 < self.share <= 1:
            raise OperatorError(f"a share of {self.share:g} makes no sense", mend="give a share above 0, at most 1")
        if self.duration < self.steady_for or self.steady_for <= 0 or self.warm_up <= 0:
            raise OperatorError(
                f"{self.duration:g} s are too short to see {self.steady_for:g} s of steady traffic",
                mend="make the drill longer, or ask for less steady time (both above 0)",
            )


def _hypothesis(process: Process, target: Target) -> str:
    return (
        f"When {target} is lost, a replacement with a proof in date answers {process.name} "
        f"within {process.rto:g} s, and callers see no more errors than now."
    )
