"""Play seeds again, with the whole log of one, or only the verdict on many.

python -m tests.simulation.replay --faults hostile --seed 7
python -m tests.simulation.replay --faults hostile --seed 0 --count 2000
"""

import argparse
import sys
from collections import Counter

from tests.simulation.oracle import command_to_replay, violations
from tests.simulation.scenarios import config_for, interruption_for
from tests.support.whole_runs import WholeRun, rehearse


def play(seed: int, *, profile: str, interrupted: bool = False, verbose: bool = False) -> WholeRun:
    """Play one seed."""
    return rehearse(
        config_for(seed),
        seed=seed,
        profile=profile,
        interrupt_at=interruption_for(seed) if interrupted else None,
        log=sys.stderr if verbose else None,
    )


def main() -> int:
    """Play what the command line asks for; return 1 where anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", choices=("none", "realistic", "hostile"), default="hostile")
    parser.add_argument("--seed", type=int, required=True, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many; the log is shown only of a single one")
    parser.add_argument("--interrupt", action="store_true", help="interrupt the run at an instant of the seed's choice")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    violated = 0
    for seed in range(options.seed, options.seed + options.count):
        run = play(seed, profile=options.faults, interrupted=options.interrupt, verbose=options.count == 1)
        outcomes.update(f"{each.outcome}: {each.reason}" for each in run.report.environments)
        problems = violations(run)
        violated += bool(problems)
        for problem in problems:
            print(f"seed {seed}: {problem}")  # noqa: T201 - this is a command
        if options.count == 1:
            for happening in run.record:
                print(happening)  # noqa: T201
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:6} {outcome}")  # noqa: T201
    if violated:
        print(f"{violated} seeds violated; replay one: {command_to_replay(profile=options.faults, seed=options.seed)}")  # noqa: T201
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
