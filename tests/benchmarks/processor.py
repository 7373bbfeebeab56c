"""What a fleet costs this machine, over real sockets: beside a bare loop of as many httpx requests.

python -m tests.benchmarks.processor --environments 1000
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("qovery-restart"))
PER_HOUR = 100_000
"""No quota gets in the way here."""

BARE_LOOP = """
import asyncio, sys
import httpx

async def main(url, paths, count):
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": "Token t"}, limits=limits) as client:
        room = asyncio.Semaphore(50)
        async def one(number):
            async with room:
                (await client.get(paths[number % len(paths)])).json()
        await asyncio.gather(*(one(number) for number in range(count)))

asyncio.run(main(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a process has used."""

    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run beside the bare loop."""

    environments: int
    requests: int
    run: Used
    loop: Used

    @property
    def ratio(self) -> float:
        """Of their processor time."""
        return self.run.cpu_s / self.loop.cpu_s


def config_text(environments: int, *, services: int = 5) -> str:
    """Return a configuration that lists them, fifty to a project."""
    names = ", ".join(f"worker-{number}" for number in range(services))
    lines = "".join(
        f"  - {{name: env-{number}, path: acme/project-{number // 50}/env-{number}, "
        f"services: {{containers: [{names}]}}}}\n"
        for number in range(environments)
    )
    return (
        f"version: 1\napi: {{requests_per_hour: {PER_HOUR}}}\nstrategy: {{max_parallel: 200}}\nenvironments:\n{lines}"
    )


@contextmanager
def simulator(config: Path) -> Iterator[str]:
    """Serve the environments of a configuration on a port; yield the URL."""
    arguments = [COMMAND, "simulate", str(config), "--port", "0", "--log-format", "json"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        try:
            yield str(json.loads(process.stderr.readline())["url"])
        finally:
            process.terminate()
            process.stderr.close()


def used_by(arguments: list[str], environ: dict[str, str]) -> tuple[Used, str]:
    """Run a command; return what it has used and what it says."""
    script = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "sys.stdout.buffer.write(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]).encode() + b'\\n')\n"
        "sys.stdout.buffer.write(done.stdout)\n"
    )
    # In a process between, whose only child it is: the usage of children adds up.
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], check=True, stdout=subprocess.PIPE, env=environ, text=True
    )
    first, _, rest = done.stdout.partition("\n")
    cpu, peak = json.loads(first)
    unit = 1024.0 if sys.platform.startswith("linux") else 1024.0**2
    return Used(cpu_s=cpu, peak_mb=peak / unit), rest


def compare(environments: int) -> Comparison:
    """Restart so many environments with the command, then send as many requests in a bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "fleet.yaml")
        config.write_text(config_text(environments), encoding="utf-8")
        with simulator(config) as url:
            environ = {
                **os.environ,
                "QOVERY_API_URL": url,
                "QOVERY_API_TOKEN": "not-a-secret",
                "QOVERY_RESTART_STATE_DIR": folder,
            }
            run, said = used_by([COMMAND, "run", str(config), "--output", "json"], environ)
            report = json.loads(said)
            requests = report["requests"]["total"]
            paths = [f"/environment/{each['id']}/statusesWithStages" for each in report["environments"][:50]]
            loop, _ = used_by([sys.executable, "-c", BARE_LOOP, url, ",".join(paths), str(requests)], environ)
    return Comparison(environments=environments, requests=requests, run=run, loop=loop)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=1000)
    options = parser.parse_args()
    print("| environments | requests | run: CPU, peak memory | bare loop: CPU, peak memory | ratio |")  # noqa: T201
    print("|---:|---:|---:|---:|---:|")  # noqa: T201
    compared = compare(options.environments)
    run, loop = compared.run, compared.loop
    print(  # noqa: T201
        f"| {compared.environments:,} | {compared.requests:,} | {run.cpu_s:.1f} s, {run.peak_mb:.0f} MB "
        f"| {loop.cpu_s:.1f} s, {loop.peak_mb:.0f} MB | {compared.ratio:.2f} |"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
