"""What every part of the HTML report writes alike: texts, badges, instants."""

from datetime import datetime
from html import escape

from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.digest import outcome_words
from orchestrator.reports.wording import web_address
from orchestrator.text import printable


def text(anything: str) -> str:
    """Escape a name or a message, for text and for attributes in quotes."""
    return escape(printable(anything))


def badge(outcome: Outcome) -> str:
    """Return an outcome as a coloured word."""
    return f'<span class="badge {outcome.value}">{outcome_words(outcome)}</span>'


def instant(moment: datetime) -> str:
    """Return an instant, in UTC."""
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'


def link(url: str | None, words: str) -> str | None:
    """Return a link to another page, None if `url` is no address of the web; `words` are markup."""
    address = web_address(url)
    return None if address is None else f'<a href="{escape(address)}" rel="noreferrer noopener">{words}</a>'
