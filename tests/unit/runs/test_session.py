"""What a session derives from the token and the configuration."""

from pathlib import Path

import pytest

from orchestrator.config import parse_config
from orchestrator.runs.session import open_session
from tests.support.time import in_virtual_time

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhdXRoMHw1ZiJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "token", "origin"),
    [
        pytest.param("", "qov_not-a-real-token", "API", id="an API token"),
        pytest.param("", JWT, None, id="a person's token: who knows"),
        pytest.param("api: {origin: CLI}", "qov_not-a-real-token", "CLI", id="as the file says"),
        pytest.param("api: {origin: API}", JWT, "API", id="as the file says, of a person's"),
        pytest.param("api: {origin: any}", "qov_not-a-real-token", None, id="the file says not to look"),
    ],
)
def test_how_ours_is_labelled_follows_from_the_token_unless_the_file_says_it(
    said: str, token: str, origin: str | None, tmp_path: Path
) -> None:
    text = f"version: 1\n{said}\nenvironments: [{{name: a, path: a/b/c, services: all}}]\n"
    config = parse_config(text, source="night.yaml", environ={})

    async def opened() -> str | None:
        async with open_session(config, environ={"QOVERY_API_TOKEN": token}, state_dir=tmp_path) as session:
            return session.origin

    assert in_virtual_time(opened()) == origin
