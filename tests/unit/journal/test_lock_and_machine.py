"""The lock that says whether a process lives, and the machine that it lives on."""

import errno
import fcntl
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator import machine
from orchestrator.errors import JournalError
from orchestrator.journal.lock import RunLock
from orchestrator.machine import Machine

HOLD = """
import sys
from pathlib import Path
from orchestrator.journal.lock import RunLock

lock = RunLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""
"""A process that holds a lock until it is killed, or its input ends."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "run-1.lock"


def descriptors() -> int:
    """How many files this process has open."""
    return sum(_is_open(number) for number in range(256))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_a_lock_is_held_by_one_and_free_once_it_is_let_go_of(path: Path) -> None:
    first, second = RunLock(path), RunLock(path)
    assert first.take()
    assert not second.take()
    assert not second.take()
    first.release()
    assert second.take()
    assert not first.take()
    second.release()
    second.release()
    assert first.take()
    first.release()


def test_a_lock_is_not_taken_twice_by_its_own_holder(path: Path) -> None:
    lock = RunLock(path)
    assert [lock.take(), lock.take()] == [True, False]
    lock.release()
    assert RunLock(path).take()


def test_locks_of_different_runs_do_not_meet(path: Path) -> None:
    locks = [RunLock(path.with_name(f"run-{number}.lock")) for number in range(3)]
    assert all(lock.take() for lock in locks)
    for lock in locks:
        lock.release()


def test_a_lock_that_cannot_be_taken_leaves_no_file_open(path: Path) -> None:
    lock = RunLock(path)
    lock.take()
    before = descriptors()
    assert not any(RunLock(path).take() for _ in range(20))
    assert descriptors() == before
    lock.release()
    assert descriptors() == before - 1


def test_a_lock_is_for_its_owners_eyes_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        lock = RunLock(path)
        lock.take()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path)] == [0o700, 0o600]
    lock.release()
    assert path.exists(), "whoever has it open has to see the others' lock"


def test_a_lock_that_is_removed_leaves_no_file_and_can_be_taken_anew(path: Path) -> None:
    lock = RunLock(path)
    lock.take()
    lock.remove()
    lock.remove()
    assert not path.exists()
    other = RunLock(path)
    assert other.take()
    for one in (lock, other):
        one.release()


def test_a_lock_without_a_file_is_always_free() -> None:
    lock = RunLock(None)
    assert [lock.take(), lock.take(), RunLock(None).take()] == [True, True, True]
    lock.remove()
    lock.release()


def test_a_process_that_is_killed_holds_its_lock_no_more(path: Path) -> None:
    lock = RunLock(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not lock.take()
        process.kill()
    assert lock.take()
    lock.release()


def test_a_process_that_we_start_does_not_hold_our_lock_for_us(path: Path) -> None:
    lock = RunLock(path)
    lock.take()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        other = RunLock(path)
        assert other.take()
        assert child.poll() is None
        child.communicate(b"\n")
    other.release()


def test_a_place_without_room_for_a_lock_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    path = tmp_path / "locks" / "run-1.lock"
    with pytest.raises(JournalError) as caught:
        RunLock(path).take()
    assert str(caught.value) == f"The file {path} cannot be locked: File exists. Choose another --state-dir."


def test_a_file_system_without_locks_is_told_with_what_to_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    before = descriptors()
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(JournalError, match=r"cannot be locked: No locks available\. Choose another --state-dir\."):
        RunLock(path).take()
    assert descriptors() == before


# The machine.


def test_this_machine_is_the_same_whenever_one_looks() -> None:
    here = Machine.here()
    assert here == Machine.here()
    assert here.pid == os.getpid()
    assert here.host
    assert here.boot_id == here.boot_id.strip()


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="this kernel does not say")
def test_where_the_kernel_says_which_start_this_is_it_is_believed() -> None:
    assert Machine.here().boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip() != ""


def test_a_machine_without_a_name_has_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "")
    assert Machine.here().host == "localhost"


@pytest.mark.parametrize(
    ("failure", "boot_id"),
    [
        pytest.param(None, "0B5E-C1", id="macOS says"),
        pytest.param(FileNotFoundError("sysctl"), "", id="no such program"),
        pytest.param(subprocess.CalledProcessError(1, "sysctl"), "", id="it does not know"),
        pytest.param(subprocess.TimeoutExpired("sysctl", 5), "", id="it does not answer"),
    ],
)
def test_where_only_a_program_says_which_start_this_is_it_is_asked(
    failure: Exception | None, boot_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        if failure is not None:
            raise failure
        return subprocess.CompletedProcess(command, 0, stdout="0B5E-C1\n")

    monkeypatch.setattr(machine, "_BOOT_ID", tmp_path / "nowhere")
    monkeypatch.setattr(subprocess, "run", run)
    assert Machine.here().boot_id == boot_id
    assert asked == [["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]]
