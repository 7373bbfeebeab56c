"""Plays mutated inputs for long, and prints each finding as a command that plays it again.

python -m tests.fuzz --minutes 60
python -m tests.fuzz --input answers --minutes 5 --seed 1000
python -m tests.fuzz --input answers --case '{"seed": 0, …}'
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.search import INPUTS, search

BATCH = 100
"""Cases of one seed."""
STUCK = 300
"""Seconds of real time after which a case is stuck where no virtual time helps; the most of a batch is a minute."""


def main() -> int:
    """Play what the command line asks for; return 1 if there was a finding."""
    shown = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__, formatter_class=shown)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long, for all inputs together")
    parser.add_argument("--input", choices=sorted(INPUTS), action="append", help="which; repeatable; all by default")
    parser.add_argument("--seed", type=int, default=0, help=f"the first seed; each stands for {BATCH} cases")
    parser.add_argument("--case", help="play this one alone, of one --input")
    parser.add_argument("--results", type=Path, help="write the figures there, too, after every batch")
    options = parser.parse_args()
    names = options.input or sorted(INPUTS)
    if options.case is not None:
        found = INPUTS[names[0]].findings(json.loads(options.case))
        print("\n".join(found) or "nothing to say of it")  # noqa: T201 - this is a command
        return bool(found)
    return _play_long(names, minutes=options.minutes, seed=options.seed, results=options.results)


def _play_long(names: list[str], *, minutes: float, seed: int, results: Path | None) -> int:
    until = time.monotonic() + minutes * 60
    played: Counter[str] = Counter()
    known: dict[str, set[str]] = {name: set() for name in names}
    lines: list[str] = []
    first = seed
    while time.monotonic() < until:
        for name in names:
            signal.signal(signal.SIGALRM, lambda *_, name=name, seed=seed: _stuck(name, seed))
            signal.alarm(STUCK)
            batch = search(name, start=seed, count=BATCH, known=known[name])
            signal.alarm(0)
            played[name] += batch.played
            for finding in batch.findings:
                lines.append(f"{finding.words}\n    {finding.replay}")
                print(lines[-1], flush=True)  # noqa: T201
        seed += 1
        if results is not None:
            results.write_text(
                "\n".join([_figures(played, first, seed, lines), *lines, ""]), encoding="utf-8", errors="replace"
            )
    print(_figures(played, first, seed, lines))  # noqa: T201
    return bool(lines)


def _figures(played: Counter[str], first: int, seed: int, lines: list[str]) -> str:
    each = ", ".join(f"{count} {name}" for name, count in sorted(played.items()))
    return f"seeds {first} to {seed - 1}: {played.total()} cases ({each}), {len(lines)} findings"


def _stuck(name: str, seed: int) -> None:
    print(f"stuck: python -m tests.fuzz --input {name} --seed {seed}", file=sys.stderr, flush=True)  # noqa: T201
    raise TimeoutError


if __name__ == "__main__":
    sys.exit(main())
