from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.journal.database import FILE_NAME
from tests.support.journals import Journals


@pytest.fixture
def journals(tmp_path: Path) -> Iterator[Journals]:
    journals = Journals(tmp_path / "state")
    yield journals
    journals.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "qovery-restart"


@pytest.fixture
def path(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / FILE_NAME
