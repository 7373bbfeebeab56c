"""What hypothesis may read from a platform: everything that Qovery shows, and what it has not shown yet."""

from hypothesis import strategies as st

from orchestrator.domain.observations import Observation, QueuedRequest, Run, ServiceStatus
from orchestrator.domain.states import State
from tests.support.builders import LAST_NIGHT, execution, observe, queued, run, status

TARGETS = ("api", "web", "worker")
STRANGERS = ("job", "chart")

STATES = st.sampled_from(
    # As often as all others together, or hardly any drawn reading would come near to a success.
    [*["RESTARTED"] * 12, *["RESTARTING"] * 4, *map(str, State), "HIBERNATING", "", "restarted"]
)
NUMBERS: st.SearchStrategy[int | str | None] = st.sampled_from(
    [*[LAST_NIGHT + 1] * 6, LAST_NIGHT - 1, LAST_NIGHT, LAST_NIGHT + 2, None, "", "run-a", "run-b"]
)
RUN_STATUSES = st.sampled_from(["SUCCESS", "SUCCESS", "ERROR", "CANCELED", "NEVER", "ONGOING", "QUEUED", "", "NEW"])
ACTIONS = st.sampled_from(["RESTART", "RESTART", "RESTART", "DEPLOY", "STOP", "DELETE", ""])


def statuses(service_id: str) -> st.SearchStrategy[ServiceStatus]:
    return st.builds(status, st.just(service_id), STATES, NUMBERS, waiting=st.sampled_from([0, 0, 0, 1]))


@st.composite
def observations(draw: st.DrawFn, service_ids: tuple[str, ...] = TARGETS, *, complete: bool = False) -> Observation:
    """A reading in which some of the services may be missing."""
    present = [one for one in service_ids if complete or draw(st.integers(0, 9)) > 0]
    return observe(
        *(draw(statuses(service_id)) for service_id in present), state=draw(st.none() | STATES), last=LAST_NIGHT
    )


@st.composite
def runs(draw: st.DrawFn, service_ids: tuple[str, ...] = TARGETS) -> list[Run]:
    """A history, the newest first, as the API gives it."""
    known = st.integers(LAST_NIGHT - 1, LAST_NIGHT + 3)
    numbers = draw(st.lists(known | st.sampled_from(["run-a", None]), unique=True, max_size=4))
    found = []
    for number in sorted(numbers, key=str, reverse=True):
        members = [one for one in service_ids if draw(st.integers(0, 9)) > 0]
        states = {one: draw(STATES) for one in members}
        found.append(run(number, states, action=draw(ACTIONS), status=draw(RUN_STATUSES)))
    return found


def queues(service_ids: tuple[str, ...] = TARGETS) -> st.SearchStrategy[list[QueuedRequest]]:
    members = st.sets(st.sampled_from(service_ids))
    return st.lists(st.builds(lambda ids, action: queued(*ids, action=action), members, ACTIONS), max_size=2)


TONIGHT = execution(LAST_NIGHT + 1)
