"""Files that were uploaded: kept for the process's life, served by the CDN routes."""

import io
import mimetypes
import re
from dataclasses import dataclass
from urllib.parse import quote

from PIL import Image

from bot.playground.clock import Clock
from bot.playground.errors import Json

_SHOWN_INLINE = ("image/", "audio/", "video/")
_SCRIPTABLE = {"image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrived."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on the CDN; `is_inline` says that a browser may show it instead of saving it."""

    filename: str
    data: bytes
    content_type: str

    @property
    def is_inline(self) -> bool:
        """Whether a browser may show it: pictures and sound, nothing that can run scripts."""
        is_safe = self.content_type.startswith(_SHOWN_INLINE) and self.content_type not in _SCRIPTABLE
        return is_safe or self.content_type == "text/plain"


class Attachments:
    """All files by attachment id; an address stays valid as long as the process lives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def keep(self, channel_id: str, upload: Upload, *, description: str | None = None, is_option: bool = False) -> Json:
        """
        Store a file.

        Returns:
            Discord's attachment object with a `path` instead of addresses: whoever renders it knows the host.
        """
        attachment_id = self._clock.snowflake()
        filename = safe_filename(upload.filename)
        content_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        self._files[attachment_id] = StoredFile(filename, upload.data, content_type)
        attachment: Json = {
            "id": attachment_id,
            "filename": filename,
            "size": len(upload.data),
            "content_type": content_type,
            "flags": 0,
            "path": f"/cdn/attachments/{channel_id}/{attachment_id}/{quote(filename)}",
        }
        if size := picture_size(upload.data):
            attachment |= {"width": size[0], "height": size[1]}
        if description:
            attachment["description"] = description
        if filename != upload.filename:
            attachment["title"] = upload.filename
        return attachment | ({"ephemeral": True} if is_option else {})

    def find(self, attachment_id: str, filename: str) -> StoredFile | None:
        """The file at an address."""
        stored = self._files.get(attachment_id)
        return stored if stored and stored.filename == filename else None


def with_addresses(attachment: Json, origin: str) -> Json:
    """An attachment as the API shows it, with its `path` on this origin."""
    shown = {key: value for key, value in attachment.items() if key != "path"}
    return shown | {"url": origin + attachment["path"], "proxy_url": origin + attachment["path"]}


def safe_filename(filename: str) -> str:
    """A filename as Discord keeps it: no folders, only plain letters, digits, dots, dashes and underscores."""
    last = re.split(r"[/\\]", filename)[-1].replace(" ", "_")
    plain = re.sub(r"[^A-Za-z0-9._-]", "", last).lstrip(".")
    return plain or "file"


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture in pixels, None for what is none."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
