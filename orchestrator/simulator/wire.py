"""How the simulated platform breaks a connection, in-process and over real sockets alike."""

from enum import Enum, unique
from typing import Protocol

WIRE = "wire"
"""The key of the connection in the scope's `state`, where our ASGI servers put it for the application."""


@unique
class Cut(Enum):
    """What happens to a connection."""

    REFUSED = "never made (a real server can only break it before it has read anything)"
    RESET = "reset at once; unsent data is lost"
    CLOSED = "closed after the data that was sent"


class Wire(Protocol):
    """The connection of a request."""

    def cut(self, how: Cut) -> None:
        """Break it. The application sends nothing more."""
        ...
