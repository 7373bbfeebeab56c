"""The simulated API's answers to refused requests, in each of the shapes that Qovery has been seen to use."""

from http import HTTPStatus

from starlette.responses import JSONResponse, PlainTextResponse, Response

from orchestrator.simulator.chance import source


class Refusals:
    """Makes the answers to refused requests; the seed decides the shape of each, unless all have the same."""

    def __init__(self, seed: int, *, body: str = "any") -> None:
        """Answer in the shape `body`, one of the values of `Dials.refusal_body`."""
        self._rng = source(seed, "refusals")
        self._shapes = ("detail", "message", "text") if body == "any" else (body,)

    def answer(self, status: HTTPStatus, why: str) -> Response:
        """Return an answer with the reason."""
        match self._rng.choice(self._shapes):
            case "text":
                return PlainTextResponse(why, status_code=status)
            case "empty":
                return Response(status_code=status)
            case key:
                return JSONResponse({"status": int(status), "error": status.phrase, key: why}, status_code=status)
