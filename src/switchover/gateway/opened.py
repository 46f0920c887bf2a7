"""An answer under way: past its commit point or whole, and what is still to come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from switchover.dialects.across import StreamTranslator
from switchover.dialects.at_limit import end_at_limit
from switchover.dialects.provider_fallback import frames_without_abandoned
from switchover.dialects.sse import FrameDecoder
from switchover.domain.exchange import Usage
from switchover.domain.ports import Answer, Truncated
from switchover.errors import Cut, ModelSwapped, RunawayOutput
from switchover.planning import Attempt
from switchover.upstreams.classify import classify_failure

from .admit import Call
from .amount import Amount
from .spending import Spending

CUTS = {"tool": "tool-call-cut", "reasoning": "reasoning-cut"}
LOST_REASONING = ("answer.reasoning",)


@dataclass(slots=True)
class Opened:
    """An answer that passed the commit point, or is whole.

    ``ready`` are bytes for the caller, in the caller's dialect; ``whole`` says that nothing follows. Else what follows
    comes from ``stream.answer``, to be put through :meth:`Stream.take`. ``id`` is the provider's; ``fell_back``: it
    went over to ``model`` by itself. ``fault`` is what is wrong with an answer that is served all the same, and
    ``swapped`` what that counts as. ``stopped``: why its end is ours. ``spending``: what is reserved for it
    until its stream is over.
    """

    attempt: Attempt
    dropped: tuple[str, ...]
    ready: bytes
    model: str | None = None
    usage: Usage | None = None
    stream: Stream | None = None
    whole: bool = False
    id: str | None = None
    fell_back: bool = False
    fault: str | None = None
    swapped: ModelSwapped | None = None
    stopped: RunawayOutput | None = None
    spending: Spending | None = None


@dataclass(slots=True)
class Stream:
    """A streamed answer in progress: the upstream's bytes in, the caller's frames out."""

    name: str
    answer: Answer
    decoder: FrameDecoder
    translator: StreamTranslator | None

    def feeder(self) -> Callable[[bytes], bytes]:
        """What each chunk goes through: :meth:`take`, or less where that is the same."""
        return self.decoder.feed if self.translator is None else self.take

    def used(self) -> Usage | None:
        """What the caller is told that the answer used."""
        return self.decoder.usage

    def take(self, data: bytes) -> bytes:
        """Frames that may be relayed."""
        frames = self.decoder.feed(data)
        return self.translator.feed(frames) if self.translator is not None and frames else frames

    def held(self, frames: bytes) -> bytes:
        """All frames of an answer of which nothing was relayed, without what its provider abandoned."""
        if self.decoder.abandons:
            frames = frames_without_abandoned(frames)
        return self.translator.feed(frames) if self.translator is not None else frames

    def check(self) -> None:
        """Raises the UpstreamError that an error event or a bad frame stands for."""
        if self.decoder.failure is not None:
            raise classify_failure(self.decoder.failure, self.name)

    def named(self, cut: Cut, call: Call) -> Cut:
        """A cut, by what it cut."""
        form = "schema-answer-cut" if "json_schema" in call.peek.needs else cut.fault
        return Cut(str(cut), fault=CUTS.get(self.decoder.inside, form))

    def stop(self, call: Call, relayed: bytes, amount: Amount) -> bytes:
        """The end of an answer that is too long, after ``relayed``; closes the upstream."""
        self.answer.close()
        self.decoder.usage = usage = amount.usage()
        return end_at_limit(call.dialect.name, relayed, usage, include_usage=call.peek.include_usage)

    def end(self) -> bytes:
        """What is still owed after the last byte. Raises Cut when the stream ended before its terminal event."""
        self.check()
        closed = self.decoder.close()
        if isinstance(closed, Truncated):
            raise Cut(f"{self.name} broke off its answer", fault=closed.why)
        owed = b"" if self.decoder.finished else self.decoder.lost_terminal
        if self.translator is None:
            return owed
        return (self.translator.feed(owed) if owed else b"") + self.translator.close()


def opened_stream(
    attempt: Attempt,
    dropped: tuple[str, ...],
    ready: bytes,
    stream: Stream,
    *,
    whole: bool = False,
    stopped: RunawayOutput | None = None,
) -> Opened:
    """A stream that is to be relayed, with what its first frames say of it."""
    decoder = stream.decoder
    dropped += _lost(stream)
    opened = Opened(attempt, dropped, ready, decoder.model, stream=stream, whole=whole, stopped=stopped)
    opened.id, opened.fell_back = decoder.id, decoder.fell_back
    return opened


def _lost(stream: Stream) -> tuple[str, ...]:
    """What of an answer its translation leaves out: reasoning, which comes before anything is sent on."""
    return LOST_REASONING if stream.translator is not None and stream.decoder.reasoned else ()
