"""The ASGI application of the HTTP API.

    POST v0/METHOD         call a method; v0/METHOD?page shows the answer as a page
    GET  v0/               list them; v0/METHOD explains one and tries it
    GET  v0/openapi.json   the OpenAPI document

A call is answered 200, or 400 with a code and a text (403 where a key does not open the method). 401 and 429 are about
logging in.
"""

from typing import Final

from quart import Response, request

from mox_trio.running import Web
from webui import asgi
from webui.webapi import answering, openapi, pages
from webui.webapi.answering import Asked
from webui.webapi.direct import Direct, Headers
from webui.webapi.table import METHODS

VERSION: Final = "v0"


def application(web: Web) -> Direct:
    """Make it."""
    made = asgi.application(
        "webui.webapi", template_folder="templates", static_folder="static", static_url_path="/static"
    )

    async def call(name: str) -> Response:
        method = METHODS.get(name)
        if method is None:
            return asgi.plain(404, "there is no such method")
        asked = Asked(Headers(request.scope["headers"]), asgi.blocks(request), asgi.visitor(request))
        said = await answering.answer(web, method, asked)
        if "page" in request.args and isinstance(said.body, bytes) and said.content_type == answering.JSON:
            return await pages.tried(method, asked.json, said)
        return Response(said.body, said.status, headers=dict(said.headers), content_type=said.content_type)

    made.add_url_rule("/", "root", pages.root)
    made.add_url_rule(f"/{VERSION}/", "list", pages.listed)
    made.add_url_rule(f"/{VERSION}/openapi.json", "openapi", openapi.served)
    made.add_url_rule(f"/{VERSION}/<name>", "explain", pages.explained, methods=["GET"])
    made.add_url_rule(f"/{VERSION}/<name>", "call", call, methods=["POST"])
    return Direct(web, made, METHODS, f"/{VERSION}/")
