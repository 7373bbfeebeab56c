"""Play every value of every dial of the simulated platform alone, and random pairs, and count what goes wrong.

python -m tests.simulation.worlds --count 100 --jobs 2
python -m tests.simulation.worlds --dial second_delivery --count 300
python -m tests.simulation.worlds --pairs 50 --eights 200 --count 20
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from random import Random

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.reports.model import EnvironmentReport
from orchestrator.simulator.dials import ALL_DEFAULT, dials_for, names, values
from orchestrator.simulator.faults import READINGS, Fate, FaultProfile, Faults
from orchestrator.simulator.record import RunBegan, ServiceRestarted
from tests.benchmarks.fleets import Fleet
from tests.simulation.oracle import command_to_replay, violations
from tests.simulation.replay import play
from tests.support.whole_runs import US, WholeRun, rehearse

FIRST_SEED = 2_100_000
PROFILE = FaultProfile.HOSTILE
WORST = {"FALSE YES": "false_yes", "TWICE": "twice", "CANCELLED somebody": "cancelled_anothers"}
"""What must not happen in any world, by the words of the oracle."""

MAY_END_OTHERWISE = frozenset(
    {
        Reason.VERIFICATION_FAILED,
        Reason.DEADLINE,
        Reason.RUN_DEADLINE,
        Reason.INTERRUPTED,
        Reason.SERVICE_DISAPPEARED,
        Reason.ENVIRONMENT_DISAPPEARED,
    }
)
"""Reasons for which an environment whose restart succeeded need not end as succeeded: a policy, or what came later."""

_CALLS = (*READINGS, "/deploymentStatus")
"""The path suffixes of the readings that look for a restart; all others look up names."""
_FLEET = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came out of nights in one world."""

    nights: int = 0
    environments: int = 0
    false_yes: int = 0
    """Environments; so are all of the following."""
    twice: int = 0
    cancelled_anothers: int = 0
    other_violations: int = 0
    false_no: int = 0
    unknown: int = 0
    replays: tuple[str, ...] = ()
    """A command for each night of which the oracle says that something must never be."""

    def __add__(self, other: "Tally") -> "Tally":
        """Add nights up."""
        return Tally(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    @property
    def is_good(self) -> bool:
        """Whether nothing happened that must never happen."""
        return not self.replays

    @classmethod
    def of(cls, run: WholeRun, replay: str) -> "Tally":
        """Judge one night, which `replay` plays again."""
        problems = violations(run)
        worst = {column: len(_places(problems, words)) for words, column in WORST.items()}
        environments = () if run.final is None else run.final.environments
        return cls(
            nights=1,
            environments=len(environments),
            **worst,
            other_violations=sum(not any(words in each for words in WORST) for each in problems),
            false_no=sum(is_false_no(run, each) for each in environments),
            unknown=sum(each.outcome is Outcome.UNKNOWN for each in environments),
            replays=(replay,) if problems else (),
        )


def _places(problems: Iterable[str], words: str) -> set[str]:
    """Return the environments that the oracle names with these words, however many services each has."""
    return {problem.partition(": ")[0] for problem in problems if words in problem}


def is_false_no(run: WholeRun, environment: EnvironmentReport) -> bool:
    """Tell whether a run of our own restarted everything that we asked for, and the environment is no success."""
    if environment.outcome is Outcome.SUCCEEDED or environment.reason in MAY_END_OTHERWISE:
        return False
    ours = run.record.accepted(environment.id, user=US)
    wanted = {service_id for request in ours for service_id in request.service_ids}
    requests = {request.request_id for request in ours}
    done = {(each.execution_id, each.service_id) for each in run.record.of(ServiceRestarted) if each.ok}
    return any(
        requests & set(began.request_ids) and all((began.execution_id, each) in done for each in wanted)
        for began in run.record.of(RunBegan)
    )


def play_world(settings: Sequence[str], seeds: Iterable[int]) -> Tally:
    """Play hostile nights in the default world, changed by `settings`, each of the form KEY=VALUE."""
    world = (ALL_DEFAULT, *settings)
    tally = Tally()
    for seed in seeds:
        run = play(seed, profile=PROFILE, world=world)
        tally += Tally.of(run, command_to_replay(profile=PROFILE, seed=seed, world=world))
    return tally


class _Counting:
    """The faults of a profile without any; counts the requests that are not for names."""

    def __init__(self) -> None:
        self._faults = Faults(FaultProfile.NONE, seed=0)
        self.counted = 0

    def next(self, method: str, path: str, *, now: float) -> Fate:
        self.counted += method != "GET" or path.endswith(_CALLS)
        return self._faults.next(method, path, now=now)


def requests_per_environment(settings: Sequence[str]) -> float:
    """Return the requests for each of a hundred environments of one project on a calm night, names not counted."""
    counting = _Counting()
    dials = dials_for(settings, profile=FaultProfile.NONE, seed=FIRST_SEED)
    rehearse(Fleet(environments=_FLEET).config(), seed=FIRST_SEED, faults=counting, dials=dials)
    return counting.counted / _FLEET


def alone(dials: Iterable[str] | None = None) -> list[tuple[str, ...]]:
    """Return a world for each value of each dial, the default ones only once."""
    changes = [(f"{dial}={value}",) for dial in dials or names() for value in values(dial)[1:]]
    return [(), *changes]


def together(count: int, dials: int = 2) -> Iterator[tuple[str, ...]]:
    """Yield random worlds in which so many dials differ from their defaults."""
    random = Random(f"{dials} dials")
    for _ in range(count):
        yield tuple(f"{dial}={random.choice(values(dial)[1:])}" for dial in random.sample(names(), dials))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    settings: tuple[str, ...]
    tally: Tally
    requests: float

    def __str__(self) -> str:
        named = [setting.partition("=") for setting in self.settings] or [("(all)", "", "(default)")]
        cells = (
            " + ".join(dial for dial, _, _ in named),
            " + ".join(value for _, _, value in named),
            self.tally.nights,
            self.tally.false_yes,
            self.tally.twice,
            self.tally.cancelled_anothers,
            self.tally.false_no,
            self.tally.unknown,
            self.tally.other_violations,
            f"{self.requests:.2f}",
        )
        return f"| {' | '.join(map(str, cells))} |"


_HEAD = """\
| dial | value | nights | false yes | twice | cancelled another's | false no | unknown | other violations | requests |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


def _row(seeds: range, settings: tuple[str, ...]) -> _Row:
    return _Row(settings=settings, tally=play_world(settings, seeds), requests=requests_per_environment(settings))


def main() -> int:
    """Play what the command line asks for; return 1 where anything happened that must not happen in any world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, default=FIRST_SEED, help="the first seed")
    parser.add_argument("--count", type=int, default=20, help="how many nights in each world")
    parser.add_argument("--dial", action="append", choices=names(), help="only this dial; repeatable")
    parser.add_argument("--pairs", type=int, default=0, help="how many random pairs of values")
    parser.add_argument("--eights", type=int, default=0, help="how many random worlds in which eight dials are changed")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count)
    worlds = [*alone(options.dial), *together(options.pairs), *together(options.eights, 8)]
    print(_HEAD)  # noqa: T201 - this is a command
    bad: list[str] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for row in pool.map(partial(_row, seeds), worlds):
            print(row, flush=True)  # noqa: T201
            bad += row.tally.replays[:3]
    for replay in bad:
        print(replay)  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
