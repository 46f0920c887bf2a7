"""What may be spent, what was billed, and what two years may cost."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field

from ..values import (
    KEY_ID,
    NAME,
    Money,
    Percent,
)
from .base import Section


class BudgetSection(Section):
    """What may be spent: reserved before a call, settled after it. Days and months are in UTC."""

    day: Money | None = Field(default=None, description="Most in a day.")
    month: Money | None = Field(default=None, description="Most in a month.")
    kind: Literal["hard", "soft"] = Field(
        default="hard", description="`hard` is never crossed; `soft` is told and refuses nothing."
    )
    at_cap: Literal["refuse", "cheaper"] = Field(
        default="refuse",
        description="What becomes of a call that does not fit any more: `refuse` it with an error that says until "
        "when, or let a `cheaper` replacement with a proof in date answer it, if there is one.",
    )


class BudgetsSection(Section):
    """Budgets over several processes, beside those that a process may have of its own."""

    organisation: BudgetSection | None = Field(default=None, description="Over everything.")
    providers: dict[Annotated[str, Field(pattern=NAME)], BudgetSection] = Field(
        default_factory=dict, description="Over all that is spent at a provider."
    )
    keys: dict[Annotated[str, Field(pattern=KEY_ID)], BudgetSection] = Field(
        default_factory=dict,
        description="Over what a caller key spends, by its id (`switchover keys list`), in the place of its process's "
        "`key_budget`. A key made in its place spends of the same.",
    )


class CostOptionSection(Section):
    """An option beside staying: an upstream, a machine with a model on it, or a mix by process."""

    upstream: str | None = Field(
        default=None,
        description="Go to this upstream, at its price; beside `machine`, the upstream whose proofs show that the "
        "model's answers are good enough.",
    )
    machine: str | None = Field(
        default=None, pattern=NAME, description="A machine among the facts we ship, such as `dgx-spark`."
    )
    model: str | None = Field(
        default=None, min_length=1, description="The model on it, as the measured throughputs name it."
    )
    rented: bool = Field(default=False, description="Rent the machine by the hour and don't buy it.")
    tokens_per_second: float | None = Field(
        default=None, gt=0, le=1_000_000, description="Output tokens a second that you measured on one machine."
    )
    measured: str | None = Field(default=None, min_length=1, description="How and when you measured it.")
    mix: dict[Annotated[str, Field(pattern=NAME)], str] = Field(
        default_factory=dict, description="Process → option, or `stay`; processes that are not named stay."
    )


class CostsSection(Section):
    """What costs to come are reckoned with, and how what was metered is held against what providers bill."""

    tolerance: Percent = Field(
        default="2",
        description="Percent of an invoice that it may differ by from what was metered; beyond it "
        "`switchover costs reconcile` ends with 3.",
    )
    assumptions: str | None = Field(
        default=None,
        min_length=1,
        description="A file with assumptions and expected price events of your own; see "
        "[Project costs](../how-to/project-costs.md).",
    )
    options: dict[Annotated[str, Field(pattern=NAME)], CostOptionSection] = Field(
        default_factory=dict,
        description="Options beside staying. Default: each upstream, and open weights at a host, on a machine bought "
        "and on one rented.",
    )


class AssumptionRow(Section):
    """An assumption of your own, in place of a shipped one."""

    value: float = Field(description="What is most likely, in the unit of the shipped row.")
    low: float | None = Field(default=None, description="The least it may be; default: the value.")
    high: float | None = Field(default=None, description="The most it may be; default: the value.")
    source: str = Field(min_length=1, max_length=500, description="Where it comes from.")
    owner: str = Field(min_length=1, max_length=500, description="The role that answers for it.")
    date: datetime.date = Field(description="The day it was said, such as 2026-11-20.")


class PriceEventRow(Section):
    """A change of price that is expected on a day."""

    name: str = Field(min_length=1, description="What is expected, such as `contract ends`.")
    where: str = Field(description="The upstream or the provider whose prices change.")
    date: datetime.date = Field(description="The day, such as 2027-06-01.")
    probability: float = Field(ge=0, le=1, description="How likely it is.")
    low: float = Field(ge=-99, le=10_000, description="The least change, in percent.")
    high: float = Field(ge=-99, le=10_000, description="The largest change, in percent.")
    source: str = Field(min_length=1, description="Where it comes from.")
    owner: str = Field(min_length=1, description="The role that answers for it.")


class AssumptionsFile(Section):
    """The file that `costs.assumptions` names."""

    assumptions: dict[str, AssumptionRow] = Field(
        default_factory=dict, description="Assumptions by name, or by `NAME:PROCESS` for one process."
    )
    events: tuple[PriceEventRow, ...] = Field(default=(), description="Expected changes of price.")
