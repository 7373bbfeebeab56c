"""The configuration that a seed stands for, so that one number says everything about a run."""

from random import Random
from typing import Any

from orchestrator.config import Config
from tests.support.mortality import Life

SERVICES: tuple[Any, ...] = (
    "all",
    "all",
    {"applications": ["api", "web"], "containers": ["worker"]},
    {"containers": [f"worker-{number}" for number in range(10)]},
    {"databases": ["cache"]},
)


def config_for(seed: int) -> Config:
    """Return one to four environments, each with a policy of its own."""
    random = Random(f"configuration {seed}")
    names = ("alpha", "bravo", "charlie", "delta")[: random.randint(1, 4)]
    return Config.model_validate(
        {
            "version": 1,
            "api": {"requests_per_hour": random.choice((1000, 1000, 1000, 60))},
            "strategy": {"max_failures": random.choice((0, 10, 10)), "max_parallel": random.choice((1, 3, 5))},
            "environments": [_environment(name, random) for name in names],
        }
    )


def interruption_for(seed: int) -> float:
    """Return the instant of a seed's interruption, in seconds; early ones are likelier, as most happens then."""
    return Random(f"interruption {seed}").choice((1.0, 5.0, 20.0, 120.0)) * Random(seed).random()


def lives_for(seed: int) -> tuple[Life, ...]:
    """Return what happens to a run's processes: up to four of them die, one after the other."""
    random = Random(f"lives {seed}")
    return tuple(_life(random) for _ in range(random.choice((1, 1, 2, 3, 4))))


def _life(random: Random) -> Life:
    kind = random.random()
    steps = random.choice((30, 90, 300))
    return Life(
        dies_at_step=random.randint(1, steps) if kind < 0.6 else None,
        dies_after=_instant(random) if 0.6 <= kind < 0.85 else None,
        signalled_after=_instant(random) if kind >= 0.85 else None,
        refused_writes=random.choice((0.03, 0.2)) if random.random() < 0.15 else 0.0,
        rest=random.choice((0.0, 1.0, 20.0, 120.0, 900.0, 900.0, 9000.0)) * random.random(),
        reboot=random.random() < 0.3,
        clock_step=random.choice((-86400.0, -600.0, 600.0, 86400.0)) if random.random() < 0.2 else 0.0,
    )


def _instant(random: Random) -> float:
    return random.choice((1.0, 5.0, 20.0, 120.0, 1800.0)) * random.random()


def _environment(name: str, random: Random) -> dict[str, Any]:
    check = {"http": f"https://{name}.example.com/healthz", "consecutive": 2, "within": "2m"}
    return {
        "name": name,
        "path": f"acme/shop/{name}",
        "services": random.choice(SERVICES),
        "wave": random.choice((1, 1, 2)),
        "deadline": random.choice(("90s", "10m", "30m", "30m")),
        "on_busy": random.choice(("wait", "wait", "fail")),
        "on_stopped": random.choice(("fail", "skip")),
        "on_deadline": random.choice(("leave", "cancel")),
        "verify": [check] if random.random() < 0.3 else [],
    }
