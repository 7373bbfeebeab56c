"""`streams`: a reader that stalls, goes away or is slow never stops the run."""

import io
import os
import threading
from collections.abc import Iterator

import pytest

from orchestrator.streams import LOG_ROOM, BackgroundWriter, LossyStream, done_within, write_result

LONG = "x" * 300_000
"""Longer than any pipe."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    yield read_end, write_end
    for end in (read_end, write_end):
        try:
            os.close(end)
        except OSError:
            continue


def read_all(descriptor: int, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += os.read(descriptor, count - len(found))
    return found


@pytest.mark.parametrize("blocking", [True, False])
def test_a_result_arrives_whole_however_the_pipe_is_set(pipe: tuple[int, int], blocking: bool) -> None:
    os.set_blocking(pipe[1], blocking)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(read_all(pipe[0], len(LONG))))
    reader.start()
    with open(pipe[1], "w", encoding="utf-8", closefd=False) as stream:
        write_result(stream, LONG, patience=10.0)
    reader.join()
    assert found == [LONG.encode()]


def test_a_result_that_nobody_reads_is_given_up_after_a_while_without_progress(pipe: tuple[int, int]) -> None:
    with (
        open(pipe[1], "w", encoding="utf-8", closefd=False) as stream,
        pytest.raises(TimeoutError, match=r"nobody has read it for 0\.01 s"),
    ):
        write_result(stream, LONG, patience=0.01)


def test_a_reader_that_has_gone_changes_nothing(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with open(pipe[1], "w", encoding="utf-8", closefd=False) as stream:
        write_result(stream, LONG, patience=10.0)


def test_a_result_that_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream, pytest.raises(OSError, match="No space left"):  # noqa: PTH123
        write_result(stream, "result", patience=10.0)


def test_a_stream_without_a_descriptor_is_written_to_at_once() -> None:
    stream = io.StringIO()
    write_result(stream, "result", patience=0.0)
    log = LossyStream(stream, tell_loss=str)
    log.write(", log")
    log.flush()
    assert stream.getvalue() == "result, log"
    stream.close()
    log.write("nobody hears this")
    log.flush()


def test_lines_of_the_log_are_lost_and_counted_where_nobody_reads_and_the_writer_never_waits(
    pipe: tuple[int, int],
) -> None:
    line = "x" * 9_999 + "\n"
    with open(pipe[1], "w", encoding="utf-8", closefd=False) as stream:
        log = LossyStream(stream, tell_loss=lambda lost: f"lost {lost}\n")
        for _ in range(300):
            log.write(line)
        found = b""
        while found.count(b"\n") < LOG_ROOM // len(line):
            found += read_all(pipe[0], len(line))
        log.write("again\n")
        log.flush()
        while not found.endswith(b"again\n"):
            found += os.read(pipe[0], 1 << 20)
    *lines, again = found.decode().splitlines()
    assert again == "again"
    # Between two writes the pipe may have taken enough for one more line: then the loss so far is told before it.
    told = [int(each.removeprefix("lost ")) for each in lines if each.startswith("lost ")]
    assert set(lines) - {f"lost {count}" for count in told} == {line.rstrip()}
    kept = len(lines) - len(told)
    assert kept + sum(told) == 300
    assert LOG_ROOM // len(line) <= kept < 300


def test_nothing_is_kept_for_a_reader_that_has_gone(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    writer = BackgroundWriter(pipe[1])
    assert writer.write(b"x")
    assert not writer.drain(10.0)
    assert isinstance(writer.error, BrokenPipeError)
    assert not writer.write(b"y")


def test_a_slow_reader_is_waited_for_no_longer_than_there_is_time(pipe: tuple[int, int]) -> None:
    stop = threading.Event()

    def read_slowly() -> None:
        while not stop.wait(0.01):
            os.read(pipe[0], 1)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    with (
        open(pipe[1], "w", encoding="utf-8", closefd=False) as stream,
        pytest.raises(TimeoutError, match=r"nobody has read it for 0\.1 s"),
    ):
        write_result(stream, LONG, patience=60.0, within=0.1)
    stop.set()
    reader.join()


def test_work_that_hangs_is_left_behind() -> None:
    over = threading.Event()
    with pytest.raises(TimeoutError, match="it was not written within 0 s"):
        done_within(0.01, over.wait)
    over.set()


def test_what_goes_wrong_in_time_is_raised() -> None:
    done: list[int] = []
    done_within(10.0, lambda: done.append(1))
    assert done == [1]
    with pytest.raises(ZeroDivisionError):
        done_within(10.0, lambda: 1 // 0)
