"""The start-up of the command, side by side with the bare import of the libraries that it cannot do without."""

import subprocess
import sys
import time
from pathlib import Path

COMMAND = [str(Path(sys.executable).with_name("qovery-restart")), "--version"]
YARDSTICK = [sys.executable, "-c", "import httpx, pydantic, structlog, tenacity"]
ROUNDS = 7
MOST = 1.5


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def test_asking_for_the_version_takes_at_most_one_and_a_half_times_the_bare_imports() -> None:
    # Interleaved, and the best of each: what else the machine does then hits both, and neither.
    rounds = [(seconds(COMMAND), seconds(YARDSTICK)) for _ in range(ROUNDS)]
    ratio = min(command for command, _ in rounds) / min(yardstick for _, yardstick in rounds)
    assert ratio <= MOST, f"{ratio:.2f} times the bare imports"


def test_asking_for_the_version_imports_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys; sys.argv = ['qovery-restart', '--version']\n"
        "from orchestrator.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print([name for name in ('httpx', 'pydantic', 'structlog', 'tenacity', 'yaml') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[-1] == "[]"
