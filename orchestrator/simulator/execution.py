"""One run in progress: seven services at a time, until all are done, one has failed, or the run is cancelled."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any

from orchestrator.domain.states import NOT_RUNNING, State
from orchestrator.simulator.agenda import Agenda
from orchestrator.simulator.chance import EVEN, happens
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.model import Action, ActionStatus, Kind, Run, ServiceStatus, Step
from orchestrator.simulator.record import Record, RunEnded, ServiceRestarted
from orchestrator.simulator.timings import ENGINE_LOOKS_EVERY, MAX_AT_ONCE, SERVICE_TIMEOUT, Timings

_SHARE_INTERRUPTED = {"some": EVEN, "all": 1.0, "none": 0.0}


class Execution:
    """Works on the services of one run.

    Attributes:
        run: the run so far, as a value.
    """

    def __init__(
        self,
        run: Run,
        *,
        environment_id: str,
        services: dict[str, ServiceStatus],
        doomed: set[str],
        timings: Timings,
        dials: Dials,
        agenda: Agenda,
        record: Record,
        rng: random.Random,
        on_change: Callable[[], None],
    ) -> None:
        """Queue the services of `run`; work on them starts when the engine has started.

        Args:
            run: the run, with a step for each of its services.
            environment_id: where it runs.
            services: every service of the environment; the run changes its own.
            doomed: the ids of services whose next action fails.
            timings: how long things take.
            dials: what a cancel and a failure leave behind.
            agenda: where future actions are scheduled.
            record: where what really happens is recorded.
            rng: the source of chance.
            on_change: called whenever something visible changes, including the end of the run.
        """
        self.run = run
        self._environment_id = environment_id
        self._services = services
        self._doomed = doomed
        self._timings = timings
        self._dials = dials
        self._agenda = agenda
        self._record = record
        self._rng = rng
        self._on_change = on_change
        for service_id, status in services.items():
            services[service_id] = replace(status, in_last_run=service_id in run.steps)
            if service_id in run.steps:
                self._show(service_id, run.state)
        self._after(timings.engine_start.draw(rng), self._begin)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.run.ended_at is not None

    def cancel(self) -> None:
        """End it early: of the services in progress some finish and others are interrupted; no more are started."""
        self._update(status=ActionStatus.CANCELING, state=State.CANCELING)
        working = self.run.working()
        for step in working:
            if happens(self._rng, _SHARE_INTERRUPTED[self._dials.interrupted_services]):
                self._set(step, state=State.CANCELING)
                self._after(self._timings.interrupt.draw(self._rng), partial(self._end, step, State.CANCELED))
        if not working:
            self._after(self._timings.interrupt.draw(self._rng), self._close)

    def lose(self, service_id: str) -> None:
        """Continue without a service that was deleted."""
        step = self.run.steps.get(service_id)
        if step is None or step.ended_at is not None:
            return
        now = self._agenda.now
        self._set(step, state=State.DELETED, started_at=now if step.untouched else step.started_at, ended_at=now)
        if step.working:
            self._continue()

    def _begin(self) -> None:
        if self.run.cancelling:
            return
        self._update(status=ActionStatus.ONGOING, state=self.run.action.ongoing, work_began_at=self._agenda.now)
        self._continue()

    def _continue(self) -> None:
        """Start as many services as may be in progress at once; end the run if none is in progress."""
        if not (self.run.failed or self.run.cancelling):
            for step in self.run.untouched()[: MAX_AT_ONCE - len(self.run.working())]:
                self._start(step)
        if not self.run.working():
            self._after(self._timings.close.draw(self._rng), self._close)

    def _start(self, step: Step) -> None:
        builds = self.run.action is Action.DEPLOY and step.service.kind is Kind.APPLICATION
        self._set(step, state=State.BUILDING if builds else self.run.action.ongoing, started_at=self._agenda.now)
        length, succeeds = self._outlook(step)
        if builds:
            self._after(length * 0.4, partial(self._built, step))
        self._after(length, partial(self._finish, step, self.run.action.done if succeeds else self.run.action.failed))

    def _outlook(self, step: Step) -> tuple[float, bool]:
        """Decide how many seconds a service takes, and whether it succeeds."""
        restarts = self.run.action is Action.RESTART
        # A restart fails for a service that the engine cannot restart, or that has no pods to replace.
        impossible = restarts and (not step.service.can_restart or step.before.state in NOT_RUNNING)
        if impossible or step.service.id in self._doomed:
            self._doomed.discard(step.service.id)
            return self._timings.fail.draw(self._rng), False
        if restarts and happens(self._rng, self._timings.slow):
            length = self._rng.uniform(SERVICE_TIMEOUT * 0.1, SERVICE_TIMEOUT * 1.5)
            return self._seen_after(min(length, SERVICE_TIMEOUT)), length < SERVICE_TIMEOUT
        length = self._timings.of(self.run.action).draw(self._rng)
        return (self._seen_after(length) if restarts else length), True

    def _seen_after(self, length: float) -> float:
        """Return the seconds until the engine's first look at or after so many: it looks in steps from its start."""
        began = self.run.work_began_at
        worked = 0.0 if began is None else self._agenda.now - began
        # What is ready at the very instant of a look is seen, whatever rounding makes of the sum.
        looks = ceil((worked + length) / ENGINE_LOOKS_EVERY - 1e-9)
        return looks * ENGINE_LOOKS_EVERY - worked

    def _built(self, step: Step) -> None:
        if self.run.steps[step.service.id].state is State.BUILDING:
            self._set(step, state=State.DEPLOYING)

    def _finish(self, step: Step, state: State) -> None:
        # An interrupted service ends by the interruption, even if it would have finished a moment earlier.
        if self.run.steps[step.service.id].state is not State.CANCELING:
            self._end(step, state)

    def _end(self, step: Step, state: State) -> None:
        step = self.run.steps[step.service.id]
        if step.started_at is None or step.ended_at is not None:
            return
        now = self._agenda.now
        self._set(step, state=state, ended_at=now)
        if self.run.action is Action.RESTART:
            self._record.add(
                ServiceRestarted(
                    at=now,
                    environment_id=self._environment_id,
                    service_id=step.service.id,
                    execution_id=self.run.execution_id,
                    started=step.started_at,
                    ok=state is State.RESTARTED,
                )
            )
        self._continue()

    def _close(self) -> None:
        now = self._agenda.now
        untouched = self.run.untouched()
        status, state = self._final_state()
        keeps: str = self._dials.cancelled_keeps if self.run.cancelling else self._dials.failed_keeps
        if keeps == "either":
            keeps = "before" if happens(self._rng, EVEN) else "CANCELED"
        for step in untouched:
            self._leave(step, keeps)
        self._update(status=status, state=state, ended_at=now)
        self._record.add(
            RunEnded(
                at=now,
                environment_id=self._environment_id,
                execution_id=self.run.execution_id,
                status=status.value,
            )
        )

    def _leave(self, step: Step, keeps: str) -> None:
        """Let a service that was never started show in statuses and history what such services `keep`."""
        done = self.run.action.done
        shown = done if keeps == "RESTARTED" else State.CANCELED
        in_history = {"as_statuses": shown, "CANCELED": State.CANCELED, "RESTARTED": done}
        self._set(step, state=in_history[self._dials.untouched_in_history])
        if step.service.id not in self._services:
            return
        if keeps == "before":
            self._services[step.service.id] = replace(step.before, in_last_run=False)
        else:
            self._show(step.service.id, shown)

    def _final_state(self) -> tuple[ActionStatus, State]:
        action = self.run.action
        interrupted = any(step.state is State.CANCELED for step in self.run.steps.values())
        if self.run.cancelling and (interrupted or self.run.untouched()):
            # After a cancel the environment may show RESTARTED although some of its services were never started.
            possible = {"CANCELED": State.CANCELED, "RESTARTED": action.done}
            keeps = self._dials.environment_after_cancel
            return ActionStatus.CANCELED, possible.get(keeps) or self._rng.choice(list(possible.values()))
        if self.run.failed:
            return ActionStatus.ERROR, action.failed
        return ActionStatus.SUCCESS, action.done

    def _after(self, delay: float, act: Callable[[], None]) -> None:
        """Schedule something that does not happen if the run is over by then."""

        def act_unless_over() -> None:
            if not self.over:
                act()
                self._on_change()

        self._agenda.after(delay, act_unless_over)

    def _set(self, step: Step, **changes: Any) -> None:  # noqa: ANN401 - the fields of a step, as `replace` takes them
        """Change a step and its service."""
        changed = replace(self.run.steps[step.service.id], **changes)
        self._update(steps={**self.run.steps, step.service.id: changed})
        if step.service.id in self._services:
            self._show(step.service.id, changed.state)

    def _show(self, service_id: str, state: State) -> None:
        self._services[service_id] = replace(
            self._services[service_id],
            state=state,
            execution_id=self.run.execution_id,
            changed_at=self._agenda.now,
            action=self.run.action,
            run_began_at=self.run.created_at,
        )

    def _update(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of a run, as `replace` takes them
        self.run = replace(self.run, updated_at=self._agenda.now, **changes)
