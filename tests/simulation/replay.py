"""Play seeds again, with the whole log of one, or only the verdict on many.

python -m tests.simulation.replay --faults hostile --seed 7
python -m tests.simulation.replay --faults hostile --seed 0 --count 2000
python -m tests.simulation.replay --seed 7 --world all=default --world second_delivery=409
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from orchestrator.simulator.dials import dials_for
from tests.simulation.oracle import command_to_replay, violations
from tests.simulation.scenarios import config_for, interruption_for, lives_for
from tests.support.whole_runs import WholeRun, rehearse

ORDEALS = ("none", "signal", "death")
"""What happens to the run's own process: nothing; a signal, and nobody goes on with it; deaths, and it is resumed."""


def play(
    seed: int, *, profile: str, ordeal: str = "none", world: Sequence[str] = (), verbose: bool = False
) -> WholeRun:
    """Play one seed; `world` has settings of the platform's dials, each as KEY=VALUE."""
    return rehearse(
        config_for(seed),
        seed=seed,
        profile=profile,
        dials=dials_for(world, profile=profile, seed=seed),
        interrupt_at=interruption_for(seed) if ordeal == "signal" else None,
        lives=lives_for(seed) if ordeal == "death" else (),
        log=sys.stderr if verbose else None,
    )


def main() -> int:
    """Play what the command line asks for; return 1 where anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", choices=("none", "realistic", "hostile"), default="hostile")
    parser.add_argument("--seed", type=int, required=True, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many; the log is shown only of a single one")
    parser.add_argument("--ordeal", choices=ORDEALS, default="none", help="what happens to the run's own process")
    parser.add_argument("--world", action="append", default=[], metavar="KEY=VALUE", help="a dial of the platform")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    violated, first_bad = 0, options.seed
    for seed in range(options.seed, options.seed + options.count):
        run = play(seed, profile=options.faults, ordeal=options.ordeal, world=options.world, verbose=options.count == 1)
        if run.final is None:
            outcomes["refused"] += 1
        else:
            outcomes.update(f"{each.outcome}: {each.reason}" for each in run.report.environments)
        problems = violations(run)
        violated += bool(problems)
        first_bad = seed if problems and violated == 1 else first_bad
        for problem in problems:
            print(f"seed {seed}: {problem}")  # noqa: T201 - this is a command
        if options.count == 1:
            for happening in run.record:
                print(happening)  # noqa: T201
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:6} {outcome}")  # noqa: T201
    if violated:
        command = command_to_replay(profile=options.faults, seed=first_bad, ordeal=options.ordeal, world=options.world)
        print(f"{violated} seeds violated; replay the first: {command}")  # noqa: T201
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
