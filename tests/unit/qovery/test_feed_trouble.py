"""Shared looks that fail, are refused, are throttled or spaced out: nobody's verdict depends on them."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.observations import Hint
from orchestrator.errors import (
    MalformedAnswerError,
    NotFoundError,
    NotSentError,
    PlatformError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.qovery.feed import (
    LOGGED_AGAIN_AFTER,
    MOST_FAILURES,
    OWN_LOOK_AFTER,
    RELIED_ON_FOR,
    SPACING_WORTH_LOGGING,
)
from tests.support.shared_looks import (
    OWN,
    PROJECT,
    TICK,
    Restart,
    Scene,
    environments,
    execution_of,
    play,
    run_jobs,
)

HTML = MalformedAnswerError("HTML")
NEVER = {name: Restart(begins=1e9, ends=1e9) for name in environments(3)}
"""Nothing happens there."""


def three(*, ends: float = 95.0) -> dict[str, Restart]:
    return {name: Restart(ends=ends) for name in environments(3)}


def looks_alone(scene: Scene, name: str, *, since: float) -> bool:
    """Whether one has looked for itself from then on, as it would without all this."""
    looks = [at for at in scene.estate.looks_of(name) if at >= since]
    return len(looks) > 1 and all(later - earlier == OWN for earlier, later in pairwise(looks))


# Refused.


@pytest.mark.parametrize(
    "error",
    [TokenRefusedError("no", status=401), TokenRefusedError("no", status=403), NotFoundError("none", status=404)],
    ids=["401", "403", "404"],
)
def test_looks_that_are_refused_are_done_without_and_that_is_said_once(error: PlatformError) -> None:
    scene = run_jobs(three(), errors=[None, error])
    assert scene.estate.hints == [TICK, 2 * TICK]
    (said,) = scene.log.named("shared_looks_refused")
    assert (said.level, said.at, said.details["project_id"]) == ("warning", 2 * TICK, PROJECT)
    assert said.details["error"] == str(error)
    # Each rests as long as it would have, once, and then looks for itself.
    assert all(looks_alone(scene, name, since=3 * TICK) for name in scene.estate.restarts)
    assert all(95 <= at <= 95 + OWN for at in scene.told.values())


def test_looks_that_are_refused_in_one_project_are_shared_in_another() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.gather(
            *[
                scene.begin(name, project=PROJECT if number < 2 else "another")
                for number, name in enumerate(scene.estate.restarts)
            ]
        )

    restarts = {name: Restart(ends=25.0) for name in environments(4)}
    scene = play(script, restarts, errors=[TokenRefusedError("no", status=403)])
    # The double refuses the first look of each; so it is said for each.
    assert {said.details["project_id"] for said in scene.log.named("shared_looks_refused")} == {PROJECT, "another"}
    assert {project: len(at) for project, at in scene.estate.projects.items()} == {PROJECT: 1, "another": 1}


def test_whoever_comes_later_does_not_ask_again_what_was_refused() -> None:
    async def script(scene: Scene) -> None:
        jobs = [scene.begin(name) for name in ("env-0", "env-1")]
        await scene.clock.sleep(20)
        await asyncio.gather(*jobs, scene.begin("env-2"))

    scene = play(script, three(ends=50.0), errors=[TokenRefusedError("no", status=403)])
    assert scene.estate.hints == [TICK]
    assert looks_alone(scene, "env-2", since=20)


# Failed.


@pytest.mark.parametrize(
    "error",
    [HTML, UnansweredError("reset"), NotSentError("no route"), ThrottledError("slow down", status=429)],
    ids=lambda error: type(error).__name__,
)
def test_looks_that_fail_several_times_in_a_row_are_done_without(error: PlatformError) -> None:
    scene = run_jobs(three(), errors=[error] * 10)
    assert scene.estate.hints == [TICK * number for number in range(1, MOST_FAILURES + 1)]
    (said,) = scene.log.named("shared_looks_refused")
    assert said.at == MOST_FAILURES * TICK
    assert all(looks_alone(scene, name, since=(MOST_FAILURES + 1) * TICK) for name in scene.estate.restarts)


def test_looks_that_fail_now_and_then_go_on() -> None:
    scene = run_jobs(three(), errors=[HTML, HTML, None, HTML, None, HTML, HTML])
    assert scene.log.named("shared_looks_refused") == []
    assert scene.estate.hints == [TICK * number for number in range(1, 11)]
    assert [len(scene.estate.looks_of(name)) for name in scene.estate.restarts] == [1, 1, 1]
    assert set(scene.told.values()) == {100.0}


def test_a_look_that_fails_shows_nothing_and_is_no_contact() -> None:
    async def script(scene: Scene) -> None:
        contacts = [scene.contact(limit=70.0) for _ in range(2)]
        rests = [
            scene.rest(scene.lookout(name), tick=17.0, contact=contact)
            for name, contact in zip(("env-0", "env-1"), contacts, strict=True)
        ]
        # Half of the time that contact bears is left for looks of one's own.
        assert await asyncio.gather(*rests) == [35.0, 35.0]
        assert [contact.silent_for for contact in contacts] == [35.0, 35.0]

    play(script, NEVER, errors=[HTML, HTML])


def test_what_a_look_has_shown_before_one_that_fails_stays_known() -> None:
    # At work by the first look, and so relied on to be, though the next looks fail.
    scene = run_jobs(three(ends=OWN_LOOK_AFTER + 15), errors=[None, HTML, HTML, None, HTML, HTML, None])
    assert len(scene.estate.looks) == 3
    assert set(scene.told.values()) == {OWN_LOOK_AFTER + 20}


def test_a_defect_in_a_look_is_its_makers_alone() -> None:
    async def script(scene: Scene) -> None:
        jobs = [scene.begin(name) for name in scene.estate.restarts]
        done, _ = await asyncio.wait(jobs)
        assert [type(job.exception()) for job in done if job.exception() is not None] == [KeyError]

    scene = play(script, three(), errors=[KeyError("a bug")])
    assert len(scene.told) == 2
    assert scene.estate.hints == [TICK * number for number in range(1, 11)]


# Throttled.


def test_a_look_that_is_throttled_is_not_made_again_before_it_was_said() -> None:
    restarts = {name: Restart(ends=55.0) for name in environments(3)}
    scene = run_jobs(restarts, errors=[ThrottledError("slow down", retry_after=47.0)] * 1)
    assert scene.estate.hints == [TICK, TICK + 47.0]
    assert set(scene.told.values()) == {TICK + 47.0}


def test_looks_that_are_throttled_for_ever_are_not_refused_and_each_looks_for_itself_in_the_end() -> None:
    scene = run_jobs(three(), errors=[ThrottledError("slow down", retry_after=20.0)] * 1000)
    assert scene.log.named("shared_looks_refused") == []
    assert all(later - earlier >= 20 for earlier, later in pairwise(scene.estate.hints))
    assert all(scene.estate.looks_of(name) == [OWN_LOOK_AFTER, 2 * OWN_LOOK_AFTER] for name in scene.estate.restarts)


# Spaced out.


@pytest.mark.parametrize("spacing", [15.0, 40.0])
def test_shared_looks_are_as_far_apart_as_the_quota_wants(spacing: float) -> None:
    scene = run_jobs({name: Restart(ends=130.0) for name in environments(20)}, spacing=lambda: spacing)
    assert scene.estate.hints[0] == TICK
    assert all(later - earlier == spacing for earlier, later in pairwise(scene.estate.hints))
    assert len(scene.estate.looks) == 20
    assert set(scene.told.values()) == {min(at for at in scene.estate.hints if at >= 130)}


def test_a_look_of_ones_own_waits_for_the_quota_too_and_says_for_how_long() -> None:
    scene = run_jobs(three(ends=5.0), spacing=lambda: 100.0, lags=1e6)
    assert set(scene.told.values()) == {100.0}
    assert set(scene.saved.values()) == {100.0 - OWN_LOOK_AFTER}


def test_whoever_looks_alone_waits_for_the_quota_and_says_for_how_long() -> None:
    scene = run_jobs({"env-0": Restart(ends=30.0)}, spacing=lambda: 25.0)
    assert scene.estate.looks_of("env-0") == [25.0, 50.0]
    assert scene.saved == {"env-0": 2 * (25.0 - OWN)}


@pytest.mark.parametrize(
    ("seconds", "until", "slept", "longer"),
    [
        pytest.param(4.0, 1e5, 25.0, 21.0, id="longer"),
        pytest.param(40.0, 1e5, 40.0, 0.0, id="long enough"),
        pytest.param(4.0, 10.0, 10.0, 6.0, id="no longer than it may"),
        pytest.param(4.0, 2.0, 4.0, 0.0, id="what it has to, though that is longer than it may"),
        pytest.param(4.0, -5.0, 4.0, 0.0, id="the same, long after"),
        pytest.param(0.0, 0.0, 0.0, 0.0, id="not at all"),
    ],
)
def test_a_pause_is_longer_where_the_quota_wants_it_and_for_that_not_past_an_instant(
    seconds: float, until: float, slept: float, longer: float
) -> None:
    async def script(scene: Scene) -> None:
        lookout = scene.lookout("env-0")
        assert await lookout.pause(seconds, until=until) == longer
        assert scene.clock.monotonic() == slept

    play(script, NEVER, spacing=lambda: 25.0)


def test_the_quota_is_told_how_many_look_each_project_and_each_who_looks_alone() -> None:
    async def script(scene: Scene) -> None:
        async def rest_in(name: str, project: str | None) -> None:
            await scene.rest(scene.lookout(name, project), until=5.0)

        for name in ("env-7", "env-8", "env-9"):
            scene.lookout(name, "one" if name != "env-9" else "another")
        rests = [
            asyncio.ensure_future(rest_in(name, project))
            for name, project in [
                ("env-0", "one"),
                ("env-1", "one"),
                ("env-2", "another"),
                ("env-3", None),
                ("env-4", None),
            ]
        ]
        await scene.clock.sleep(3.5)
        scene.feed.pace.spacing()
        assert scene.quota.asked[-1] == 4, "two projects, and two alone"
        await asyncio.gather(*rests)
        await scene.clock.sleep(2)
        scene.feed.pace.spacing()
        assert scene.quota.asked[-1] == 1, "never fewer"

    restarts = {name: Restart(begins=1e9, ends=1e9) for name in environments(10)}
    play(script, restarts)


def test_looks_that_are_far_apart_are_said_to_be_and_not_too_often() -> None:
    said: list[int] = []

    async def script(scene: Scene) -> None:
        for spacing in (SPACING_WORTH_LOGGING, 100.0, 100.0, 200.0, 0.0):
            wanted[0] = spacing
            await scene.clock.sleep(LOGGED_AGAIN_AFTER / 2)
            assert scene.feed.pace.spacing() == spacing
            said.append(len(scene.log.named("quota_paused")))

    wanted = [0.0]
    scene = play(script, NEVER, spacing=lambda: wanted[0])
    assert said == [0, 1, 1, 2, 2]
    assert [event.details["pause_s"] for event in scene.log.named("quota_paused")] == [100.0, 200.0]


# Whatever they show.


def lies(names: Sequence[str]) -> st.SearchStrategy[dict[str, Hint]]:
    hints = st.builds(
        lambda name, state, number: Hint(
            environment_id=name, state=state, execution_id=None if number is None else execution_of(name, number)
        ),
        st.sampled_from(names),
        st.sampled_from([None, "RESTARTED", "RESTARTING", "RESTART_ERROR", "HIBERNATING", ""]),
        st.sampled_from([None, 40, 41, 42, 43]),
    )
    return st.lists(hints, max_size=3).map(lambda found: {hint.environment_id: hint for hint in found})


ERRORS = st.sampled_from(
    [None, None, HTML, UnansweredError("x"), ThrottledError("x", retry_after=30.0), TokenRefusedError("x", status=403)]
)


@settings(max_examples=150)
@given(
    restarts=st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 400)).map(
            lambda times: Restart(begins=float(times[0]), ends=float(sum(times)))
        ),
        min_size=1,
        max_size=5,
    ),
    lags=st.sampled_from([0.0, 7.0, 100.0, 1e6]),
    told=lies(environments(5)),
    unlisted=st.sets(st.sampled_from(environments(5))).map(frozenset),
    takes=st.sampled_from([0.0, 0.3, 20.0]),
    errors=st.lists(ERRORS, max_size=12),
    spacing=st.sampled_from([0.0, 0.0, 5.0, 45.0]),
)
def test_whatever_shared_looks_show_every_restart_is_seen_to_its_end_in_time_and_by_a_look_of_its_own(
    *,
    restarts: list[Restart],
    lags: float,
    told: dict[str, Hint],
    unlisted: frozenset[str],
    takes: float,
    errors: list[BaseException | None],
    spacing: float,
) -> None:
    scene = run_jobs(
        dict(zip(environments(5), restarts, strict=False)),
        lags=lags,
        lies=told,
        unlisted=unlisted,
        takes=takes,
        errors=errors,
        spacing=lambda: spacing,
    )
    for name, restart in scene.estate.restarts.items():
        looks = scene.estate.looks_of(name)
        assert scene.told[name] == looks[-1] >= restart.ends
        assert scene.told[name] <= restart.ends + RELIED_ON_FOR + takes + max(TICK, spacing)
        # A look that lags behind one's own is taken for a change once, and then known to be none.
        assert all(later - earlier >= OWN - 1e-6 for earlier, later in zip(looks, looks[2:], strict=False))
    # A look that failed says nothing of how far the next has to be.
    assert all(later - earlier >= max(TICK, spacing) - 1e-6 for earlier, later in pairwise(scene.estate.hints))
