"""The story of an import: read → understand → save → count.

What is taken is saved batch by batch, under ids that are the same each time: an import that was broken off is begun
again and goes on, and of two files that overlap nothing is taken twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from switchover.dialects.subject import subject_said
from switchover.domain.exchange import Exchange
from switchover.domain.process import Settings
from switchover.errors import DetectionFailed
from switchover.privacy.finder import OwnFinder
from switchover.privacy.redact import permitted

from .bodies import UNKNOWN
from .files import Opened, Record, opened
from .found import Item, Place, Skipped, Source, Unfit
from .halves import Halves
from .recognise import SOURCES, recognise, unfolded
from .tally import FileTally, Tally
from .understand import Terms, exchange_of

BATCH_RECORDS = 400
BATCH_BYTES = 8 << 20
# What a reader trips over in a record that is not as its source writes them: that record is skipped, no other.
ODD = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Kept(Protocol):
    """Where exchanges are kept."""

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these are there already."""
        ...

    def save(self, exchanges: Sequence[Exchange]) -> None:
        """Returns once they are there to stay."""
        ...


class Import:
    """One import of several files, told from beginning to end by :meth:`run`.

    ``progress`` is told how many bytes were read. ``format``: the files' own, or None to recognise it.
    ``subject_named(value)``: how the record names whom an exchange is about.
    """

    def __init__(
        self,
        files: Sequence[Path],
        terms: Terms,
        settings: Settings,
        *,
        kept: Kept,
        halves: Halves,
        format: str | None = None,
        progress: Callable[[int], None] = lambda read: None,
        dry_run: bool = False,
        subject_named: Callable[[str], str],
    ) -> None:
        self.files, self.terms, self.settings, self.kept, self.halves = files, terms, settings, kept, halves
        self.format, self.progress, self._subject_named = format, progress, subject_named
        self.tally = Tally(dry_run=dry_run)
        self._detector = OwnFinder(settings.privacy).within(lambda: False)
        self._batch: dict[str, tuple[Exchange, Place]] = {}
        self._size = self._read = 0

    def run(self) -> Tally:
        """Imports what can be taken. Raises OperatorError for a file that can't be read, StoreUnavailable …"""
        sources = [self._source(path) for path in self.files]
        try:
            for number, (path, source) in enumerate(zip(self.files, sources, strict=True)):
                with opened(path) as file:
                    self._take_file(number, path, file, source)
            for source in SOURCES.values():
                if any(one.format == source.NAME for one in self.tally.files):
                    self._take(source, source.rest(self.halves))
            self._save()
        except KeyboardInterrupt:
            self.tally.interrupted = True
        return self.tally

    def _source(self, path: Path) -> Source | None:
        """Looked at before anything is taken: a file that is none of ours is no reason to stop halfway."""
        if self.format is not None:
            return SOURCES[self.format]
        with opened(path) as file:
            return recognise(path, _records(file))

    def _take_file(self, number: int, path: Path, file: Opened, source: Source | None) -> None:
        counted = FileTally(str(path), format=source.NAME if source else None)
        self.tally.files.append(counted)
        if source is not None:
            for record in _records(file):
                counted.unit = file.unit
                if record.trouble:
                    counted.skip(record.line, record.trouble)
                else:
                    self._take(source, _read(source, record, Place(number, record.line), self.halves))
                self.progress(self._read + file.read_so_far)
        counted.sha256 = file.sha256()
        self._read += file.read_so_far

    def _take(self, source: Source, items: Iterator[Item]) -> None:
        for item in items:
            counted = self.tally.files[item.place.file]
            if isinstance(item, Skipped):
                counted.skip(item.place.line, item.reason, item.mend)
                continue
            try:
                exchange = self._permitted(exchange_of(item, source.NAME, self.terms, self.settings))
            except Unfit as unfit:
                counted.skip(item.place.line, unfit.reason, unfit.mend)
            except ODD:
                counted.skip(item.place.line, UNKNOWN)
            else:
                self._add(exchange, item.place)

    def _permitted(self, exchange: Exchange) -> Exchange:
        """As much of it as its process lets be kept. Raises Unfit where that is nothing."""
        process = self.settings.processes[exchange.process]
        if process.recording.subject is not None:
            said = subject_said(process.recording.subject, exchange.metadata, exchange.request)
            exchange.subject = None if said is None else self._subject_named(said)
        try:
            kept = permitted(exchange, process, self._detector)
        except DetectionFailed as failed:
            raise Unfit("its personal data could not be found", str(failed)) from failed
        if kept is None:
            raise Unfit(f"{process.name} records nothing", f"set processes.{process.name}.recording to anything else")
        return kept

    def _add(self, exchange: Exchange, place: Place) -> None:
        if exchange.id in self._batch:
            self.tally.files[place.file].known += 1
            return
        self._batch[exchange.id] = exchange, place
        self._size += len(exchange.request) + len(exchange.answer)
        if len(self._batch) >= BATCH_RECORDS or self._size >= BATCH_BYTES:
            self._save()

    def _save(self) -> None:
        batch, self._batch, self._size = self._batch, {}, 0
        known = self.kept.known(list(batch))
        fresh = [exchange for name, (exchange, _) in batch.items() if name not in known]
        if fresh:
            self.kept.save(fresh)
        for name, (exchange, place) in batch.items():
            counted = self.tally.files[place.file]
            if name in known:
                counted.known += 1
            else:
                self._count(exchange, counted)

    def _count(self, exchange: Exchange, counted: FileTally) -> None:
        tally = self.tally
        counted.taken += 1
        counted.processes[exchange.process] += 1
        counted.upstreams[str(exchange.upstream)] += 1
        counted.beside += exchange.upstream != self.settings.processes[exchange.process].baseline
        if not exchange.is_dated:
            counted.undated += 1
            return
        tally.first = min(exchange.started_at, tally.first if tally.first is not None else exchange.started_at)
        tally.last = max(exchange.started_at, tally.last if tally.last is not None else exchange.started_at)


def _records(file: Opened) -> Iterator[Record]:
    return chain.from_iterable(unfolded(record) for record in file.records())


def _read(source: Source, record: Record, place: Place, halves: Halves) -> Iterator[Item]:
    """What a source finds in a record; one that it trips over is skipped."""
    try:
        yield from source.read(record.value, place, halves)
    except Unfit as unfit:
        yield Skipped(place, unfit.reason, unfit.mend)
    except ODD:
        yield Skipped(place, UNKNOWN)
