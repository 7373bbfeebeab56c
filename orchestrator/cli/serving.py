"""The command `simulate`."""

from collections.abc import Callable, Sequence

from orchestrator import logs
from orchestrator.cli.command import CommandRunner
from orchestrator.cli.options import Settings
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.plan import ALL_SERVICES, EnvironmentPath, EnvironmentSpec
from orchestrator.errors import UsageError
from orchestrator.runs.interruption import until_done_or_asked
from orchestrator.runs.rehearsal import dials_of, simulator_needed

DEMO = tuple(
    EnvironmentSpec(
        name=name,
        locator=EnvironmentPath(organization="acme", project="shop", environment=name),
        services=ALL_SERVICES,
    )
    for name in ("staging", "production")
)
"""The simulated environments without a configuration."""


def serve_simulator(
    settings: Settings,
    load: Callable[[], Config] | None,
    *,
    host: str,
    port: int,
    speed: float,
) -> ExitCode:
    """Serve until a signal arrives; return the exit code."""
    runner = CommandRunner(settings)

    async def serve() -> None:
        config = load() if load is not None else None
        specs = DEMO if config is None else config.environment_specs()
        await _serve(
            specs,
            requests_per_hour=1000 if config is None else config.api.requests_per_hour,
            host=host,
            port=port,
            speed=speed,
            seed=settings.seed,
            faults=settings.faults.value,
            world=settings.world,
        )

    _, failed, _ = runner.attempt(lambda: until_done_or_asked(serve(), runner.interruption))
    return failed or runner.interruption.code or ExitCode.SUCCEEDED


async def _serve(
    specs: Sequence[EnvironmentSpec],
    *,
    requests_per_hour: int,
    host: str,
    port: int,
    speed: float,
    seed: int,
    faults: str,
    world: Sequence[str],
) -> None:
    with simulator_needed():
        from orchestrator.simulator.app import create_app  # noqa: PLC0415 - needs the extra
        from orchestrator.simulator.dials import changed  # noqa: PLC0415
        from orchestrator.simulator.seeding import build_world  # noqa: PLC0415
        from orchestrator.simulator.server import serve  # noqa: PLC0415

    dials = dials_of(world, seed=seed, faults=faults)
    clock = SystemClock()
    began = clock.monotonic()

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds / speed)

    app = create_app(
        build_world(specs, seed=seed, faults=faults, epoch=clock.now(), dials=dials),
        profile=faults,
        seed=seed,
        now=lambda: (clock.monotonic() - began) * speed,
        requests_per_hour=requests_per_hour,
        sleep=sleep,
    )

    def on_listening(url: str) -> None:
        logs.get_logger().info(
            "simulator_listening",
            url=url,
            environments=len(specs),
            speed=speed,
            seed=seed,
            faults=faults,
            world=changed(dials),
        )

    try:
        await serve(app, host=host, port=port, on_listening=on_listening)
    except OSError as error:
        raise UsageError(f"{error.strerror or error}. Choose another --port, or 0 for any that is free.") from error
