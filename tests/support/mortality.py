"""Processes that die: at any write, at any request, at any instant; and disks that refuse."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from sqlite3 import Connection

import httpx
import pytest

from orchestrator.config import Config
from orchestrator.errors import JournalError
from orchestrator.journal.database import Database
from orchestrator.runs.rehearsal import Rehearsal, Transports


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How one process fares. Spans are in seconds of virtual time."""

    dies_at_step: int | None = None
    """Every journal write has two steps (before, after), every request three (before, on its way, answered)."""
    dies_after: float | None = None
    signalled_after: float | None = None
    """SIGTERM: it may still write down what it knows."""
    refused_writes: float = 0.0
    """The share of writes that the disk refuses."""
    rest: float = 0.0
    """How long nobody is there afterwards."""
    reboot: bool = False
    """Whether the machine is started anew meanwhile."""
    clock_step: float = 0.0
    """By how much this machine's wall clock is set meanwhile."""


IMMORTAL = Life()


@dataclass(slots=True)
class Mortal:
    """A process: counts its steps, and once it is dead nothing that it does has any effect.

    Attributes:
        steps: what it did so far.
        sent: how many requests left it.
    """

    life: Life = IMMORTAL
    random: Random = field(default_factory=lambda: Random(0))
    steps: int = 0
    sent: int = 0
    dead: bool = False
    task: asyncio.Task[object] | None = None

    def step(self) -> None:
        """Take one step, or die at it."""
        self.steps += 1
        if self.steps == self.life.dies_at_step:
            self.die()
        if self.dead:
            raise asyncio.CancelledError

    def die(self) -> None:
        """End, without a word."""
        self.dead = True
        if self.task is not None:
            self.task.cancel()

    def write(self) -> None:
        """Let the disk refuse a write, where it does."""
        if self.life.refused_writes and self.random.random() < self.life.refused_writes:
            raise JournalError("The journal cannot be written: database or disk is full. Free some space.")


class MortalTransport(httpx.AsyncBaseTransport):
    """Carries requests for as long as the process lives that sends them."""

    def __init__(self, inner: httpx.AsyncBaseTransport, mortal: Callable[[], Mortal]) -> None:
        self._inner = inner
        self._mortal = mortal

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        mortal = self._mortal()
        mortal.step()
        mortal.sent += 1
        on_its_way = asyncio.ensure_future(self._inner.handle_async_request(request))
        try:
            await asyncio.sleep(0)
            mortal.step()
            response = await on_its_way
        finally:
            # The platform goes on with it all the same.
            on_its_way.cancel()
        mortal.step()
        return response


class MortalRehearsal(Rehearsal):
    """A rehearsal whose processes die.

    Attributes:
        mortal: the process at work.
        on_the_way: wraps the way to the API, to change what passes there.
    """

    mortal: Mortal
    on_the_way: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]

    def transports(self, config: Config) -> Transports:
        wrapped: Transports | None = getattr(self, "_wrapped", None)
        if wrapped is None:
            inside = super().transports(config)
            assert inside.api is not None
            wrapped = Transports(
                api=MortalTransport(self.on_the_way(inside.api), lambda: self.mortal), probes=inside.probes
            )
            self._wrapped = wrapped
        return wrapped


@contextmanager
def mortal_writes(mortal: Callable[[], Mortal]) -> Iterator[None]:
    """Let every write to a journal be a step of the process that is at work."""
    writing = Database.writing

    @contextmanager
    def mortal_writing(
        database: Database, *, durable: bool = True, patience: float | None = None
    ) -> Iterator[Connection]:
        mortal().step()
        mortal().write()
        with writing(database, durable=durable, patience=patience) as transaction:
            yield transaction
        mortal().step()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "writing", mortal_writing)
        yield
