"""The proofs of a process that would serve now, with the cell each was given for."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.candidate import Cell, PromptVersion, Proof, State, epoch_of, fingerprint
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.store import Store
from switchover.store.changes import changes, marks_in
from switchover.store.prompt_versions import prompt_version
from switchover.store.proofs import proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A proof in date of what its upstream is today."""

    proof: Proof
    spec: UpstreamSpec
    version: PromptVersion

    @property
    def cell(self) -> Cell:
        """The cell that the proof was given for."""
        return cell_of(self.proof)


def cell_of(proof: Proof) -> Cell:
    """The cell that a proof was given for."""
    return Cell(
        process=proof.process,
        upstream=proof.upstream,
        fingerprint=proof.fingerprint,
        prompt_version=proof.prompt_version,
        grader=proof.grader,
        epoch=proof.epoch,
    )


def held(settings: Settings, store: Store, process: Process, now: float) -> list[Held]:
    """The newest proof in date of each replacement as it may be asked, in the order of the fallbacks.

    ``settings`` have each upstream as it is seen to be.
    """
    known, baseline = changes(store, process.name), settings.upstreams[process.baseline]
    found: dict[tuple[str, str], Held] = {}
    for proof in proofs(store, process.name, now=now):
        key = (proof.upstream, proof.prompt_version)
        if proof.upstream not in process.fallbacks or key in found:
            continue
        spec = settings.upstreams[proof.upstream]
        today = epoch_of(baseline, marks_in(known, process.name, proof.upstream))
        version = prompt_version(store, proof.prompt_version)
        fits = proof.fingerprint == fingerprint(spec) and proof.epoch == today
        if version is not None and fits and proof.state in (State.READY, State.PROVISIONAL):
            found[key] = Held(proof=proof, spec=spec, version=version)
    return sorted(found.values(), key=lambda one: process.fallbacks.index(one.spec.name))
