"""The route by which a browser says what somebody sees at the places of a check, one answer after another.

    POST /checks/{token}    {"of": "…", "answers": {"11": "Open water", "12": null, "13": false}}

By number of the place: the name of a class, null where it cannot be told, false where an answer is taken back.
Answers that are sent twice count once.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.core.check_answers import read_answers
from s2dash.errors import UnreadableValue
from s2dash.server.checks import CheckBooks
from s2dash.server.routes.small import bare_answer, small_body
from s2dash.tiles.store import url_prefix

_MOST_BYTES = 200_000


def check_url(token: str, base_path: str = "") -> str:
    """Where a browser answers the check of its page; `base_path` is Streamlit's `server.baseUrlPath`."""
    return f"{url_prefix(base_path)}/checks/{token}"


def check_routes(books: CheckBooks, base_path: str = "") -> list[Route]:
    """The route at `check_url`.

    204, 413 for too much, 400 for what is no answer, 404 for a page that is gone, 409 where another check is open or
    the answer is none of its classes.
    """

    async def answer(request: Request) -> Response:
        body = await small_body(request, _MOST_BYTES)
        if isinstance(body, int):
            return bare_answer(body)
        try:
            of, answers = read_answers(body)
        except UnreadableValue:
            return bare_answer(400)
        book = books.get(request.path_params["token"])
        if book is None:
            return bare_answer(404)
        return bare_answer(204 if book.answer(of, answers) else 409)

    return [Route(check_url("{token}", base_path), answer, methods=["POST"])]
