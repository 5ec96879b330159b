"""The page's files and the CDN, and what keeps other web sites in the same browser out of both."""

import mimetypes
from collections.abc import Awaitable, Callable
from importlib import resources
from urllib.parse import urlsplit

from aiohttp import web

from bot.playground.attachments import Attachments

LOOPBACK_NAMES = {"127.0.0.1", "localhost"}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; sandbox"
TEXT_TYPES = {"text/html", "text/css", "text/javascript", "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def keep_strangers_out(request: web.Request, handler: Handler) -> web.StreamResponse:
    """
    Refuse what another web site's page sends: a foreign Host (DNS rebinding), a foreign Origin, a cross-site fetch.

    A bot sends neither Origin nor Sec-Fetch-Site, a browser cannot leave them out.
    """
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    is_own_host = urlsplit(f"//{host}").hostname in LOOPBACK_NAMES
    is_own_origin = origin is None or origin == f"http://{host}"
    is_own_fetch = request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
    if not (is_own_host and is_own_origin and is_own_fetch):
        raise web.HTTPForbidden(text="only the playground's own page may do this")
    return await handler(request)


async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Let no other site embed an answer, and no browser guess its type."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Referrer-Policy", "no-referrer")


class Site:
    """Serves the files of the package's `page` folder, and stored files under `/cdn/`."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments
        self._folder = resources.files("bot.playground").joinpath("page")

    def add_to(self, app: web.Application) -> None:
        """Register all routes."""
        app.on_response_prepare.append(set_headers)
        app.router.add_get("/cdn/attachments/{channel}/{attachment}/{filename}", self.stored_file)
        app.router.add_get("/", self.page_file)
        app.router.add_get("/{filename}", self.page_file)

    async def page_file(self, request: web.Request) -> web.Response:
        """A file of the page; `favicon.ico` is the vector icon where there is no other."""
        files = {entry.name: entry for entry in self._folder.iterdir() if entry.is_file()}
        wanted = request.match_info.get("filename", "index.html")
        name = "favicon.svg" if wanted == "favicon.ico" and wanted not in files else wanted
        if name not in files:
            raise web.HTTPNotFound
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return web.Response(
            body=files[name].read_bytes(),
            content_type=content_type,
            charset="utf-8" if content_type in TEXT_TYPES else None,
            headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"},
        )

    async def stored_file(self, request: web.Request) -> web.Response:
        """An attachment; what could run scripts is only ever downloaded."""
        stored = self._attachments.find(request.match_info["attachment"], request.match_info["filename"])
        if stored is None:
            raise web.HTTPNotFound
        headers = {"Content-Security-Policy": FILE_POLICY, "Cache-Control": "private, max-age=31536000, immutable"}
        if not stored.is_inline:
            headers["Content-Disposition"] = f'attachment; filename="{stored.filename}"'
        content_type = stored.content_type if stored.is_inline else "application/octet-stream"
        return web.Response(body=stored.data, content_type=content_type, headers=headers)
