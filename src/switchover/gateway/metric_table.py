"""Every metric there is: its name, what it counts, and when to worry. The reference page is made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# From what the gateway itself takes to the longest an attempt may (failover.py, LAST_ATTEMPT_S).
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 180.0, 600.0)
# From a fast engine's tokens to the longest silence that is waited for (relay.py, IDLE_S).
GAP_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 45.0)
# From a loop at rest to one that no longer answers (pulse.py looks four times a second).
LAG_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without what the format adds, its labels beside ``worker``, what it says, when to worry."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    says: str
    worry: str
    bounds: tuple[float, ...] = BOUNDS_S


PAUSED_UNTIL = "switchover_credential_paused_until_seconds"
BUDGET = ("budget", "period")
SERVED = ("process", "upstream", "dialect")
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "switchover_requests_total", "counter", "requests", (*SERVED, "outcome"),
            "Requests that ended, by how. The upstream is the one that answered, empty when none did; "
            "the process is empty when the request was refused before it was understood.",
            "Failed or truncated ones above 1 % for 5 minutes; rejected ones that rise: somebody's key or route is "
            "wrong.",
        ),
        Metric(
            "switchover_open_requests", "gauge", "requests", (), "Requests admitted and not ended yet.",
            "It grows while the rate of requests does not: upstreams have become slow.",
        ),
        Metric(
            "switchover_open_streams", "gauge", "requests", (),
            "Those of them whose streamed answer has begun to go out.",
            "Above 2,000 per worker: more workers are due.",
        ),
        Metric(
            "switchover_request_duration_seconds", "histogram", "seconds", SERVED,
            "From the request's head to the end of its answer, whatever the outcome.",
            "The 95th percentile leaves what the application can wait for.",
        ),
        Metric(
            "switchover_first_content_seconds", "histogram", "seconds", SERVED,
            "From the request's head to the first content of a streamed answer, failed attempts included.",
            "The 95th percentile doubles against last week's: people see an answer that does not begin.",
        ),
        Metric(
            "switchover_chunk_gap_seconds", "histogram", "seconds", SERVED,
            "From one read that brought content to the next, of answers that are sent on as they come; "
            "the first counts from the commit point. While a caller does not read, nothing is counted.",
            "The 99th percentile above 1 s: answers stutter, and an idle time-out may be near.",
            GAP_BOUNDS_S,
        ),
        Metric(
            "switchover_tokens_total", "counter", "tokens", (*SERVED, "kind"),
            "Tokens as the upstream billed them, by kind: input and, of it, cached_input (read from the provider's "
            "cache) and written_input (written to it); output and, of it, reasoning.",
            "A process uses a multiple of its usual: a loop in an application, or a prompt that grew.",
        ),
        Metric(
            "switchover_attempts_total", "counter", "attempts", SERVED, "Attempts that ended, well or not.",
            "They are many more than requests: callers wait for upstreams that fail.",
        ),
        Metric(
            "switchover_attempt_duration_seconds", "histogram", "seconds", SERVED,
            "From the beginning of an attempt to its first content, its whole answer or its failure; "
            "of a stream that broke off, from the request's head to the break.",
            "The 95th percentile of one upstream leaves that of the others.",
        ),
        Metric(
            "switchover_errors_total", "counter", "attempts", (*SERVED, "fault", "drilled"),
            "Attempts that failed, or answered too slowly, too much or with another model, by fault; drilled is true "
            "for those that met a drill's cut-off.",
            "An upstream's share of failed attempts above 5 % for 5 minutes, drills left out.",
        ),
        Metric(
            "switchover_alarms_total", "counter", "answers", ("upstream", "fault"),
            "Answers by another model than the one asked (model-swapped) or to another request (answer-crossed).",
            "Any: a person should look at once.",
        ),
        Metric(
            "switchover_proofs_suspended", "gauge", "always 1", ("upstream",),
            "The upstream's proofs do not count, as its answers name another model.",
            "Any: a replacement that was proven is passed over, until `switchover restore`.",
        ),
        Metric(
            "switchover_retries_total", "counter", "attempts", SERVED,
            "Attempts at the upstream that had just failed the same request.",
            "A tenth of an upstream's attempts: from there on retries are held back.",
        ),
        Metric(
            "switchover_failovers_total", "counter", "requests", SERVED,
            "Requests answered by another upstream than the process's baseline, or, of embeddings, than the first that "
            "makes them.",
            "Any that nobody planned: a replacement serves.",
        ),
        Metric(
            "switchover_breaker_state", "gauge", "state", ("upstream", "scope", "asked_for"),
            "The breaker an upstream hangs on, by scope: 0 closed, 1 half-open, 2 open, 3 held. Drills have their own. "
            "asked_for is answers, or embeddings or count_tokens, which have a value only while not closed.",
            "3: a key, model or provider turned us away, until `switchover restore`. 2 for 5 minutes.",
        ),
        Metric(
            "switchover_breaker_reason", "gauge", "always 1", ("upstream", "scope", "asked_for", "fault"),
            "The fault that opened a breaker, while it is not closed.",
            "It names what the alert on the state is about.",
        ),
        Metric(
            PAUSED_UNTIL, "gauge", "seconds", ("upstream",),
            "Until when, in Unix time, an upstream's credential is left alone, as its provider asked (429); "
            "absent while it is not.",
            "It is there again and again: the credential's quota is too small for its traffic.",
        ),
        Metric(
            "switchover_budget_cap_usd", "gauge", "USD", BUDGET, "The cap of a budget that this worker spends of.",
            "Never by itself: compare what is settled with it.",
        ),
        Metric(
            "switchover_budget_settled_usd", "gauge", "USD", BUDGET,
            "What everybody has settled of it in the period that is now, as the ledger told this worker last.",
            "Above 80 % of the cap well before the period ends (`switchover budget` says when it will be used up).",
        ),
        Metric(
            "switchover_budget_unknown_usd", "gauge", "USD", BUDGET,
            "The part of that whose cost nobody told: it counts with the most that it could have cost.",
            "A tenth of what is settled: answers break off, or an upstream does not tell its usage.",
        ),
        Metric(
            "switchover_budget_leased_usd", "gauge", "USD", BUDGET,
            "What all workers hold of it, for calls under way and those to come, as the ledger told this worker last.",
            "It stays near what is left: calls reserve much more than they use; see `max_output`.",
        ),
        Metric(
            "switchover_budget_reserved_usd", "gauge", "USD", BUDGET,
            "What this worker has reserved for calls under way.",
            "It grows while the rate of requests does not: upstreams have become slow.",
        ),
        Metric(
            "switchover_budget_refusals_total", "counter", "attempts", ("budget", "period"),
            "Attempts that were not made because what is left of the budget did not cover them.",
            "Any: callers are refused, or served by a cheaper replacement.",
        ),
        Metric(
            "switchover_budget_ledger_reachable", "gauge", "0 or 1", (),
            "0 while the ledger can't be reached: then only what is held is spent, and paid calls end soon.",
            "0 for a minute.",
        ),
        Metric(
            "switchover_recording_lag_records", "gauge", "records", (),
            "Records handed to the spool that would not survive a loss of power yet.",
            "Thousands: the disk does not keep up.",
        ),
        Metric(
            "switchover_recording_durable_total", "counter", "records", (),
            "Records of this worker that survive a loss of power: its durable mark.",
            "It stands still while requests are answered.",
        ),
        Metric(
            "switchover_recording_lag_seconds", "gauge", "seconds", (),
            "The age of the oldest record that was taken in and would not survive a loss of power yet.",
            "Above 1 s for a minute: the disk is slow or in trouble.",
        ),
        Metric(
            "switchover_recording_gaps_total", "counter", "records", (), "Records lost since the worker began.",
            "Any: the record is not whole.",
        ),
        Metric(
            "switchover_recording_healthy", "gauge", "0 or 1", (), "0 from a failed write until it is made good.",
            "0 for a minute: free some space, or look at the disk.",
        ),
        Metric(
            "switchover_data_class_raised_total", "counter", "requests", ("process", "class"),
            "Requests in which data of a more sensitive class was found than their process declares, by that class.",
            "It grows where a process should see no such data: applications send more than was agreed.",
        ),
        Metric(
            "switchover_detection_failures_total", "counter", "requests", ("process",),
            "Requests in which nobody could look for personal data; they count as the most sensitive class.",
            "Any: requests are kept from upstreams that may well see them.",
        ),
        Metric(
            "switchover_redaction_failures_total", "counter", "exchanges", ("process", "reason"),
            "Exchanges kept without their bodies, as these could not be redacted: failed, busy (more waits than memory "
            "may hold) or ended (the worker did).",
            "Any: rehearsals lack these exchanges. Of busy ones: more workers are due, or `recording: metadata`.",
        ),
        Metric(
            "switchover_snapshot_version", "gauge", "version", (), "The version of the register in force.",
            "Workers differ for longer than a few seconds.",
        ),
        Metric(
            "switchover_snapshot_age_seconds", "gauge", "seconds", (),
            "Since the snapshot in force was made. It is made anew when the register changes, not by the clock.",
            "Never by itself: see switchover_register_stale_seconds.",
        ),
        Metric(
            "switchover_register_stale_seconds", "gauge", "seconds", (),
            "For how long changes of the register have not come through; 0 while they do.",
            "Above 10: cut-offs, keys and proofs don't reach this worker; `switchover doctor` says why.",
        ),
        Metric(
            "switchover_event_loop_lag_seconds", "histogram", "seconds", (),
            "How late the worker came to a timer, four times a second: what every answer of it waits at that moment.",
            "The 99th percentile above 0.1 s: the worker's core is full.",
            LAG_BOUNDS_S,
        ),
        Metric(
            "switchover_log_lines_dropped_total", "counter", "lines", (),
            "Lines of the log that were given up, as they came faster than they could be written.",
            "Any: the log is not whole; what reads it is slow, or `log: requests` asks for too much.",
        ),
        Metric(
            "switchover_spans_dropped_total", "counter", "spans", (),
            "Spans that the collector did not get or did not take; no value where none is configured.",
            "Any: the collector is away, slow, or refuses us.",
        ),
        Metric(
            "switchover_figures_age_seconds", "gauge", "seconds", (),
            "How old the figures of this worker are; 0 for the worker that answered the scrape.",
            "Above 15: that worker has ended or hangs.",
        ),
    )
}  # fmt: skip
