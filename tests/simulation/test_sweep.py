"""A sweep keeps each slice as soon as it is over, and goes on where it was ended."""

import json
from pathlib import Path

import pytest

from tests.simulation import sweep
from tests.simulation.sweep import Result, Slice, append, play_slice, results_in, slices, summary

COMMIT = "0123abcd"


def a_result(first: int, *, commit: str = COMMIT, ordeal: str = "none", problems: tuple[str, ...] = ()) -> Result:
    violations = [{"seed": first, "problems": list(problems), "replay": f"replay {first}"}] if problems else []
    return Result(
        first=first,
        count=2,
        ordeal=ordeal,
        commit=commit,
        outcomes={"succeeded: restarted": 3, "unknown: submit_unconfirmed": 1},
        violations=violations,
    )


def test_every_night_is_in_one_slice_for_each_ordeal() -> None:
    wanted = list(slices(100, 120, ("none", "death")))
    for ordeal in ("none", "death"):
        mine = [each for each in wanted if each.ordeal == ordeal]
        assert [seed for each in mine for seed in range(each.first, each.first + each.count)] == list(range(100, 220))


def test_a_file_is_read_back_for_its_commit_and_what_a_crash_has_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert results_in(path, commit=COMMIT) == []
    append(path, a_result(0))
    append(path, a_result(2, commit="another"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"first": 4, "cou')
    append(path, a_result(6))
    assert [result.first for result in results_in(path, commit=COMMIT)] == [0, 6]


def test_only_what_is_missing_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SLICE", 2)
    path = tmp_path / "results.jsonl"
    append(path, a_result(2_100_000))
    wanted = list(slices(2_100_000, 4, ("none",)))
    results = sweep.sweep(wanted, path, commit=COMMIT, jobs=1)
    assert [result.of for result in results] == wanted
    assert results[0] == a_result(2_100_000), "it was not played again"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["first"] for line in lines] == [2_100_000, 2_100_002]


def test_a_night_that_crashes_does_not_end_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(sweep, "play", crash)
    result = play_slice(Slice(first=7, count=2, ordeal="death"), COMMIT)
    assert result.outcomes == {"crashed": 2}
    assert [night["seed"] for night in result.violations] == [7, 8]
    assert result.violations[0]["problems"] == ["CRASHED: ZeroDivisionError('by zero')"]
    assert result.violations[0]["replay"].endswith("--seed 7 --ordeal death")


def test_the_summary_counts_nights_and_what_must_never_be() -> None:
    text = summary(
        [
            a_result(0, problems=("alpha (succeeded, restarted): FALSE YES: api did not restart",)),
            a_result(2, ordeal="death", problems=("LATE: settled", "the quota was exceeded")),
            a_result(4, ordeal="death"),
        ]
    )
    assert text.splitlines()[2:4] == ["| none | 2 | 1 | 1 | 0 | 0 | 1 |", "| death | 4 | 1 | 0 | 0 | 0 | 2 |"]
    assert "9 succeeded: restarted" in text
