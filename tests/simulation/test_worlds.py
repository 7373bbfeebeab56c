"""Whatever nobody documented about the platform: no false yes, nothing twice, and nobody else's restart cancelled."""

import pytest

from tests.simulation.worlds import FIRST_SEED, alone, play_world
from tests.support.effort import SEEDS, scaled

pytestmark = pytest.mark.timeout(300 + SEEDS)


@pytest.mark.parametrize("settings", alone(), ids=lambda settings: " ".join(settings) or "default")
def test_the_worst_happens_in_no_world(settings: tuple[str, ...]) -> None:
    tally = play_world(settings, range(FIRST_SEED, FIRST_SEED + scaled(14)))

    if not tally.is_good:
        replays = "\n".join(tally.replays)
        pytest.fail(f"{len(tally.replays)} of {tally.nights} nights went wrong; replay them:\n{replays}", pytrace=False)
