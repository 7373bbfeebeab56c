"""The picture of the HTML report is small enough for a README, and of the night that its script says."""

import struct

from orchestrator.domain.outcomes import Outcome, Reason
from tests.pictures.report_page import FILE, LARGEST, SCREEN, night


def test_the_picture_is_a_png_of_the_screen_and_not_too_large() -> None:
    content = FILE.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (SCREEN.width, SCREEN.height)
    assert len(content) <= LARGEST


def test_its_night_has_what_the_picture_is_to_show() -> None:
    report = night()
    endings = {(each.outcome, each.reason) for each in report.environments}
    assert endings == {
        (Outcome.SUCCEEDED, Reason.RESTARTED),
        (Outcome.FAILED, Reason.VERIFICATION_FAILED),
        (Outcome.CANCELLED, Reason.SUPERSEDED),
    }
    assert report.started_by is not None
    assert (report.started_by.actor, report.started_by.host) == (None, "runner-7"), (
        "nothing of the machine that drew it"
    )
