"""One message about a run: what it names, what it hides from Slack's own signs, and the JSON document."""

import json

from orchestrator.domain.notices import LastEnding
from orchestrator.domain.outcomes import Outcome
from orchestrator.notices.messages import LONGEST_LINE, document_of, headline, slack_payload, text_of
from tests.support.notices import RUN_ID, end_of, result_of

BAD = result_of("shop <!channel> & co", Outcome.FAILED, message="Qovery failed to restart <api|web>.")
FAILED = end_of(BAD, result_of("good"), exit_code=1, resume=f"qovery-restart resume {RUN_ID}")
LINK = "https://ci.example.test/job?a=1&b=2|3"


def test_a_message_says_what_happened_where_and_what_to_do() -> None:
    assert text_of(FAILED, LINK).splitlines() == [
        "❌ night.yaml failed (exit code 1)",
        "2 environments: 1 failed, 1 succeeded",
        "• shop <!channel> & co: failed (restart_error). Qovery failed to restart <api|web>.",
        "• and 1 more",
        f"Run {RUN_ID}",
        f"Resume it: qovery-restart resume {RUN_ID}",
        LINK,
    ]


def test_a_success_names_nobody() -> None:
    assert text_of(end_of(), None).splitlines() == [
        "✅ night.yaml restarted (exit code 0)",
        "1 environment: 1 succeeded",
        f"Run {RUN_ID}",
    ]


def test_the_first_success_after_a_failure_says_so() -> None:
    assert headline(end_of(last=LastEnding(exit_code=1))) == "✅ night.yaml restarted again (exit code 0)"


def test_a_run_that_never_began_says_why() -> None:
    end = end_of(exit_code=2, run_id=None, errors=("No token: set it.",), config=None)
    text = text_of(end_of(exit_code=2, run_id=None, errors=("No token: set it.",)), None)
    assert "• No token: set it." in text
    assert headline(end).startswith("❌ qovery-restart failed")


def test_slack_reads_nothing_of_its_own_in_names() -> None:
    payload = slack_payload(FAILED, LINK)
    text = "\n".join(block["text"]["text"] for block in payload["blocks"])
    assert "shop &lt;!channel&gt; &amp; co" in text
    assert "&lt;api|web&gt;" in text
    assert "<https://ci.example.test/job?a=1&amp;b=2%7C3|open the job>" in text
    assert text.count("<") == 1


def test_a_resume_command_cannot_leave_its_quotes() -> None:
    payload = slack_payload(end_of(exit_code=1, resume="qovery-restart resume `x`"), None)
    assert "`qovery-restart resume 'x'`" in payload["blocks"][0]["text"]["text"]


def test_no_block_is_longer_than_slack_allows() -> None:
    endless = [result_of(f"e{number}" * 50, Outcome.FAILED, message="<" * 5000) for number in range(30)]
    payload = slack_payload(end_of(*endless, exit_code=1), LINK)
    assert all(0 < len(block["text"]["text"]) <= 3000 for block in payload["blocks"])
    assert len(payload["blocks"]) <= 50


def test_at_most_ten_environments_are_named_in_short_lines() -> None:
    many = [result_of(f"e{number}", Outcome.FAILED, message="x" * 5000) for number in range(30)]
    lines = text_of(end_of(*many, exit_code=1), None).splitlines()
    assert sum(line.startswith("• e") for line in lines) == 10
    assert "• and 20 more" in lines
    assert max(map(len, lines)) == LONGEST_LINE


def test_the_document_has_every_key_that_the_readme_lists() -> None:
    document = document_of(FAILED, LINK)
    assert json.loads(json.dumps(document)) == document
    assert {key: document[key] for key in ("schema_version", "event", "run_id", "exit_code", "outcome", "link")} == {
        "schema_version": 1,
        "event": "run_ended",
        "run_id": RUN_ID,
        "exit_code": 1,
        "outcome": "failed",
        "link": LINK,
    }
    assert document["started_at"] == "2026-11-24T12:00:00.000Z"
    assert document["environments"]["by_outcome"] == {"failed": 1, "succeeded": 1}
    assert [each["name"] for each in document["environments"]["named"]] == [BAD.name]
    assert document["environments"]["unnamed"] == 1
