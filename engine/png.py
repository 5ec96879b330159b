"""
Picture files with the request inside, so that every picture can be made again from its file alone.

A PNG carries AUTOMATIC1111's text under `parameters` and our own JSON under `imagine`; WebP and JPEG carry the same in
EXIF, as UserComment (where the web UI puts it) and MakerNote. Whose picture it is stands in no file.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from PIL import Image, PngImagePlugin

from engine.errors import InvalidRequest
from engine.parameters import read_parameters, write_parameters
from engine.request import GenerationRequest

if TYPE_CHECKING:
    from engine.events import Picture
    from engine.files.card import ModelCard
    from engine.request import CompleteRequest

EXTENSIONS = ("png", "webp", "jpg", "jpeg")
VERSION = 2
"""Of the JSON; raised when a field changes its meaning."""
JSON_KEY, TEXT_KEY = "imagine", "parameters"
EXIF_IFD, USER_COMMENT, MAKER_NOTE = 0x8769, 0x9286, 0x927C
UNICODE = b"UNICODE\0"
"""The character code in front of a UserComment: https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf, 4.6.5."""
MAX_JPEG_EXIF_BYTES = 65_527
"""One JPEG segment, less its length, `Exif` and two zeros."""
WEBP_QUALITIES = (95, 90, 80, 65, 50)
READING_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for one damaged file or another."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a picture file says about how it was made."""

    request: GenerationRequest | None
    """None where the file says nothing, or nothing that this engine could draw."""
    parameters: str
    """AUTOMATIC1111's text as it stands in the file; empty if there is none."""


def encode(picture: Picture, request: CompleteRequest, card: ModelCard, *, extension: str = "png") -> bytes:
    """
    A picture's file, holding what it takes to make this very picture again.

    Takes tens of milliseconds: call it in a worker thread.

    Args:
        request: that the picture came from, be it one of several.
        extension: one of `EXTENSIONS`; png and webp keep every pixel, jpg does not.
    """
    return encode_image(picture.image, _of_one(picture, request), card, extension=extension)


def encode_image(image: Image.Image, request: CompleteRequest, card: ModelCard, *, extension: str) -> bytes:
    """The file of an image that a whole request made, such as a grid."""
    text, own = write_parameters(request, card), _to_json(request, card)
    file = io.BytesIO()
    match extension:
        case "png":
            chunks = PngImagePlugin.PngInfo()
            chunks.add_text(TEXT_KEY, text.replace("\0", " "))
            chunks.add_text(JSON_KEY, own)
            image.save(file, "PNG", pnginfo=chunks)
        case "webp":
            image.save(file, "WEBP", lossless=True, exif=_exif(text, own))
        case "jpg" | "jpeg":
            image.save(file, "JPEG", quality=95, subsampling=0, exif=_exif(text, own, limit=MAX_JPEG_EXIF_BYTES))
        case _:
            raise ValueError(f"extension must be one of {', '.join(EXTENSIONS)}, got {extension!r}")
    return file.getvalue()


def shrink(picture: Picture, request: CompleteRequest, card: ModelCard, *, limit_bytes: int) -> tuple[bytes, str]:
    """
    The best file that is no longer than `limit_bytes`, and its extension.

    PNG where it fits; else WebP, first without loss, then with more and more; else half as large, and so on. What the
    files say about the request stays whole.

    Raises:
        ValueError: not even a picture of a few pixels fits; 100,000 bytes always suffice for one.
    """
    for extension in ("png", "webp"):
        if len(data := encode(picture, request, card, extension=extension)) <= limit_bytes:
            return data, extension
    one = _of_one(picture, request)
    exif = _exif(write_parameters(one, card), _to_json(one, card))
    image = picture.image
    while min(image.size) > 1:
        for quality in WEBP_QUALITIES:
            file = io.BytesIO()
            image.save(file, "WEBP", quality=quality, exif=exif)
            if file.tell() <= limit_bytes:
                return file.getvalue(), "webp"
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    raise ValueError(f"no picture with its request fits {limit_bytes} bytes")


def read(data: bytes) -> Embedded:
    """What a picture file of ours or of AUTOMATIC1111's web UI says; nothing for any other bytes."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "WEBP", "JPEG")) as image:
            text, own = _texts(image)
    except READING_ERRORS:
        return Embedded(None, "")
    request = _from_json(own) or (read_parameters(text) if text else None)
    return Embedded(request, text)


def _of_one(picture: Picture, request: CompleteRequest) -> CompleteRequest:
    return request.of_picture(picture.index)


def _to_json(request: CompleteRequest, card: ModelCard) -> str:
    asked = {name: getattr(request.asked, name) for name in _field_names()}
    return json.dumps({"version": VERSION, "title": card.title, "sampler": card.sampler(request.scheduler), **asked})


UNKEPT = ("owner", "weight", "cost", "is_followed")
"""What says how it was drawn beside others, and not what."""


def _field_names() -> list[str]:
    return [field.name for field in fields(GenerationRequest) if field.name not in UNKEPT]


def _from_json(text: str) -> GenerationRequest | None:
    known = _field_names()
    try:
        content: dict[str, Any] = json.loads(text)
        if content["version"] != VERSION:
            return None
        return GenerationRequest(**{key: value for key, value in content.items() if key in known})
    except (InvalidRequest, ValueError, TypeError, LookupError, RecursionError):
        return None


def _exif(text: str, own: str, *, limit: int | None = None) -> bytes:
    exif = Image.Exif()
    inside = exif.get_ifd(EXIF_IFD)
    inside[USER_COMMENT] = UNICODE + text.encode("utf-16-be")
    inside[MAKER_NOTE] = own.encode()
    if limit is not None and len(exif.tobytes()) > limit:
        del inside[MAKER_NOTE]
    return exif.tobytes()


def _texts(image: Image.Image) -> tuple[str, str]:
    """The web UI's text and our JSON, each empty if it is not there."""
    if image.format == "PNG":
        return str(image.info.get(TEXT_KEY, "")), str(image.info.get(JSON_KEY, ""))
    inside = image.getexif().get_ifd(EXIF_IFD)
    comment, own = inside.get(USER_COMMENT, b""), inside.get(MAKER_NOTE, b"")
    # A camera's note is no text at all.
    return _comment(comment), own.decode(errors="replace") if isinstance(own, bytes) else ""


def _comment(comment: object) -> str:
    """A UserComment's text; UTF-16 in whichever byte order makes sense of it, since tools disagree about it."""
    if not isinstance(comment, bytes) or not comment.startswith(UNICODE):
        return ""
    texts = [comment[len(UNICODE) :].decode(order, errors="replace") for order in ("utf-16-be", "utf-16-le")]
    return next((text for text in texts if "Steps: " in text), texts[0])
