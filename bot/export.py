"""Pure: everything that is kept about one member -> a file that they can read; nobody else's name is in it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.store.audit import AuditRow
    from bot.store.blocks import Block
    from bot.store.reports import ReportRow
    from bot.store.requests import RequestRow

SECRET = frozenset({"interaction_token"})
"""What opens Discord for whoever has it, and tells nothing."""
AS_JSON = frozenset({"variants", "notes", "role_ids"})
"""Columns that hold JSON themselves."""
ROOM_FOR_THE_REST = 64 * 1024
"""Of an archive's bytes: its list of contents."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is kept."""

    request: RequestRow
    sha256: str
    data: bytes


def document(
    requests: Sequence[RequestRow], blocks: Sequence[Block], reports: Sequence[ReportRow], audit: Sequence[AuditRow]
) -> bytes:
    """What is kept, as JSON: ids as text, since many programs round large numbers, times as ISO 8601."""
    kept = {
        "requests": [{"short_id": row.short_id, **_facts(asdict(row))} for row in requests],
        "blocks": [
            {"server": str(block.guild_id), "until": _time(block.until), "reason": block.reason, "by": block.kind}
            for block in blocks
        ],
        "reports": [
            {
                "at": _time(report.reported_at),
                "server": str(report.guild_id),
                "request": report.request_id,
                "reason": report.reason,
            }
            for report in reports
        ],
        "noted": [
            {"at": _time(row.at), "server": str(row.guild_id or ""), "what": row.action, "request": row.request_id}
            for row in audit
        ],
    }
    return json.dumps(kept, ensure_ascii=False, indent=1).encode()


def archive(facts: bytes, pictures: Sequence[Picture], *, most_bytes: int) -> tuple[bytes, int] | None:
    """
    The document and as many pictures, the newest first, as fit; how many were left out. None where it alone does not.

    Takes a while: call it in a worker thread.
    """
    buffer = io.BytesIO()
    left_out = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mydata.json", facts)
        for picture in reversed(pictures):
            if buffer.tell() + len(picture.data) + ROOM_FOR_THE_REST > most_bytes:
                left_out += 1
                continue
            name = f"pictures/{picture.request.short_id}-{picture.sha256[:8]}.{_extension(picture.data)}"
            packed.writestr(name, picture.data, zipfile.ZIP_STORED)
    return (buffer.getvalue(), left_out) if buffer.tell() <= most_bytes else None


def _facts(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _fact(name, value) for name, value in columns.items() if name not in SECRET}


def _fact(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in AS_JSON:
        return json.loads(value)
    if name.endswith("_at"):
        return _time(value)
    return str(value) if name.endswith("_id") else value


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _extension(data: bytes) -> str:
    return "png" if data.startswith(b"\x89PNG") else "webp" if data[8:12] == b"WEBP" else "jpg"
