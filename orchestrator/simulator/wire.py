"""How the simulated platform breaks a connection: the same wish, in process and over real sockets."""

from enum import Enum, unique
from typing import Protocol

WIRE = "wire"
"""Where an ASGI server of ours leaves the connection for the application to find: in the scope's `state`."""


@unique
class Cut(Enum):
    """What becomes of a connection."""

    REFUSED = "it was never made (a real server can only break it before it has read anything)"
    RESET = "it is torn down at once; what was not sent yet never is"
    CLOSED = "it is closed after what has been sent"


class Wire(Protocol):
    """The connection that a request came on."""

    def cut(self, how: Cut) -> None:
        """Break it. The application sends nothing more."""
        ...
