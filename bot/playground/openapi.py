"""Bodies and answers checked against Discord's OpenAPI document, where a copy of it is given."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

NAME = "urn:discord"
METHODS = ("get", "put", "post", "patch", "delete")
MAX_ERROR = 240


class Document:
    """Discord's OpenAPI document, asked by method and path."""

    def __init__(self, path: Path) -> None:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(NAME, resource)
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}
        self._formats = jsonschema.FormatChecker(formats=())
        self._formats.checks("snowflake")(_is_snowflake)
        self._routes: list[tuple[str, str, re.Pattern[str], dict[str, Any]]] = [
            (method.upper(), template, _pattern(template), operation)
            for template, item in document["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        ]
        self._routes.sort(key=lambda route: route[1].count("{"))

    def request_errors(self, method: str, path: str, body: object) -> list[str]:
        """What is wrong with a body that the bot sends."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is no route of Discord's"]
        template, operation = found
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return [f"{method} {template} takes no body"]
        return self._errors(_pointer(template, method, "requestBody"), _with_text_ids(body))

    def answer_errors(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with an answer that the playground gives."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is no route of Discord's"]
        template, operation = found
        answer = operation["responses"].get(str(status))
        if answer is None:
            return [f"{method} {template} never answers {status}"]
        if "content" not in answer:
            return []
        errors = self._errors(_pointer(template, method, "responses", str(status)), body)
        return [f"{method} {template}: {error}" for error in errors]

    def _operation(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        for known, template, pattern, operation in self._routes:
            if known == method and pattern.fullmatch(path):
                return template, operation
        return None

    def _errors(self, pointer: str, body: object) -> list[str]:
        if pointer not in self._validators:
            schema = {"$ref": f"{NAME}#{pointer}"}
            self._validators[pointer] = jsonschema.Draft202012Validator(
                schema, registry=self._registry, format_checker=self._formats
            )
        return [_sentence(error) for error in self._validators[pointer].iter_errors(body)]


def _is_snowflake(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"\d{1,20}", value) is not None


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]+\}", "[^/]+", template))


def _pointer(template: str, method: str, *keys: str) -> str:
    escaped = quote(template.replace("~", "~0").replace("/", "~1"), safe="~@")
    return "/".join(["", "paths", escaped, method.lower(), *keys, "content", "application~1json", "schema"])


def _with_text_ids(body: object) -> object:
    """Attachment ids as text: the documentation allows numbers too, the OpenAPI document knows text only."""
    copied = json.loads(json.dumps(body))
    holders = [copied, copied.get("data")] if isinstance(copied, dict) else []
    for holder in holders:
        for attachment in (holder or {}).get("attachments") or []:
            attachment["id"] = str(attachment["id"])
    return copied


def _sentence(error: jsonschema.ValidationError) -> str:
    """The deepest cause, where one of several forms was allowed."""
    while error.context:
        error = max(error.context, key=lambda cause: len(cause.absolute_path))
    where = "/".join(map(str, error.absolute_path))
    return f"{where}: {error.message[:MAX_ERROR]}"
