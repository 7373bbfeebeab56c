"""The configuration that a seed stands for, so that one number says everything about a run."""

from random import Random
from typing import Any

from orchestrator.config import Config

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
            "api": {"requests_per_hour": random.choice((1000, 1000, 1000, 200))},
            "strategy": {"max_failures": random.choice((0, 10, 10)), "max_parallel": random.choice((1, 3, 5))},
            "environments": [_environment(name, random) for name in names],
        }
    )


def interruption_for(seed: int) -> float:
    """Return the instant of a seed's interruption, in seconds; early ones are likelier, as most happens then."""
    return Random(f"interruption {seed}").choice((1.0, 5.0, 20.0, 120.0)) * Random(seed).random()


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
