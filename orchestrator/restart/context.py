"""What every job works with, and what all jobs have in common: every error becomes a result."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.outcomes import EnvironmentResult, ServiceResult
from orchestrator.domain.plan import Exclusion, Target
from orchestrator.errors import NotFoundError, TokenRefusedError
from orchestrator.ports import Clock, Lookout, Permission, Platform
from orchestrator.restart import settlement
from orchestrator.restart.account import Account
from orchestrator.restart.identity import Identity
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Poller
from orchestrator.restart.progress import Followed, Progress
from orchestrator.restart.reader import Reader
from orchestrator.restart.settlement import Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the parts of one job work with."""

    target: Target
    platform: Platform
    clock: Clock
    narrator: Narrator
    poller: Poller
    reader: Reader
    progress: Progress
    end_by: float
    """The run's deadline, an instant on `clock`."""
    identity: Identity
    account: Account
    permission: Permission | None = None
    """Asked before anything begins; None: it may begin at any time."""
    usually: float | None = None
    """Seconds that its restarts took before, as far as the journal knows."""

    @classmethod
    def of(
        cls,
        target: Target,
        *,
        platform: Platform,
        clock: Clock,
        log: FilteringBoundLogger,
        random: Random,
        end_by: float,
        lookout: Lookout | None = None,
        identity: Identity | None = None,
        api: str | None = None,
        follow: Sequence[Followed] | None = None,
        permission: Permission | None = None,
        usually: float | None = None,
    ) -> "Context":
        """Return the context of one job.

        Args:
            target: the environment.
            platform: where it is.
            clock: the source of time.
            log: a logger with `run_id` and `environment` bound.
            random: the source of jitter.
            end_by: the run's deadline, an instant on `clock`.
            lookout: where to wait between two looks.
            identity: what the platform calls us.
            api: the API that is asked, and where its URL comes from, for users.
            follow: the services to report on; by default those to restart.
            permission: asked before anything begins.
            usually: seconds that restarts of the target took before.
        """
        narrator = Narrator(log, clock)
        poller = Poller(
            clock,
            minimum=target.policy.poll_min,
            maximum=target.policy.poll_max,
            lost_contact=target.policy.lost_contact,
            random=random,
            on_fault=narrator.fault,
            lookout=lookout,
            api=api,
        )
        return cls(
            target=target,
            platform=platform,
            clock=clock,
            narrator=narrator,
            poller=poller,
            reader=Reader(platform, target.environment_id, poller.contact, clock, lookout),
            progress=Progress(target.services if follow is None else follow, narrator=narrator, clock=clock),
            end_by=end_by,
            identity=identity or Identity(),
            account=Account(clock),
            permission=permission,
            usually=usually,
        )

    async def settled(self, work: Awaitable[Settlement], *, submitted: Callable[[], bool]) -> Settlement:
        """Await a job's work under a heartbeat; return its settlement, or that of the error that ended it.

        Args:
            work: what the job does.
            submitted: returns whether a restart was submitted, or may have been.
        """
        try:
            async with self.narrator.heartbeat(self.progress.describe):
                return await work
        except TokenRefusedError as error:
            return settlement.token_refused(error, submitted=submitted())
        except NotFoundError as error:
            return settlement.environment_disappeared(error)
        except Exception as error:  # noqa: BLE001 - a bug in one job must not end the others
            self.narrator.bug("internal_error")
            return settlement.defect(error, submitted=submitted())

    def result(
        self,
        settled: Settlement,
        *,
        event: str,
        services: tuple[ServiceResult, ...],
        submitted_at: datetime | None = None,
        left_out: tuple[Exclusion, ...] = (),
    ) -> EnvironmentResult:
        """Log the end of the job as `event`, and return its result."""
        elapsed = self.progress.elapsed
        duration = None if elapsed is None else round(elapsed, 1)
        is_good = settled.outcome.is_good
        say = self.narrator.say if is_good else self.narrator.warn
        say(
            event,
            outcome=settled.outcome.value,
            reason=settled.reason.value,
            duration_s=duration,
            **({} if is_good or self.target.console_url is None else {"console_url": self.target.console_url}),
        )
        return EnvironmentResult(
            name=self.target.name,
            environment_id=self.target.environment_id,
            wave=self.target.wave,
            outcome=settled.outcome,
            reason=settled.reason,
            message=settled.message,
            services=services,
            submitted_at=submitted_at,
            settled_at=self.clock.now(),
            duration_s=duration,
            console_url=self.target.console_url,
            began_at=self.account.began_at,
            proven_at=self.account.proven_at,
            waits=self.account.waits,
            checks=tuple(self.account.checks),
            left_out=left_out,
        )
