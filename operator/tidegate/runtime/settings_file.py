"""Reads the operator's configuration file; messages name the file, the key and what would be right."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from tidegate.api.manifest_yaml import ManifestLoader, weighed
from tidegate.api.values.text import printable
from tidegate.runtime.settings import Settings, SettingsError, Source


def load(path: Path | None) -> Settings:
    """The settings in a YAML file; the defaults without one. The files that it names are looked at too.

    Raises: SettingsError.
    """
    if path is None:
        return Settings()
    try:
        content = _content(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: is nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    settings = parse(content, str(path))
    if problems := list(file_problems(settings)):
        raise SettingsError("\n".join(f"{path}: {problem}" for problem in problems))
    return settings


def _content(text: str) -> object:
    """What a YAML text holds. Raises: yaml.YAMLError, also for a key written twice."""
    loader = ManifestLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        weighed(node)
        _refuse_repeated(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_repeated(node: yaml.Node) -> None:
    seen: set[str] = set()
    for item in node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else ():
        key, value = item if isinstance(item, tuple) else (None, item)
        if key is not None and str(key.value) in seen:
            raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is written twice", key.start_mark)
        if key is not None:
            seen.add(str(key.value))
        _refuse_repeated(value)


def parse(content: object, where: str) -> Settings:
    """The settings from what a YAML file holds; `where` names the file in messages.

    Raises: SettingsError.
    """
    if content is not None and not isinstance(content, dict):
        raise SettingsError(f"{where}: must hold keys and values, such as 'sources:'")
    try:
        return Settings.model_validate(content or {})
    except ValidationError as error:
        lines = [_in_words(item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError("\n".join(f"{where}: {line}" for line in lines)) from None


def _in_words(error: Any) -> str:  # noqa: ANN401  (pydantic's own shape)
    key = ".".join(printable(str(part)) for part in error["loc"] if part != "[key]") or "the file"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    said = _IN_WORDS.get(error["type"])
    message = said.format(**error.get("ctx", {})) if said else str(error["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}"


_IN_WORDS: Final = {
    "missing": "is required",
    "tuple_type": "must be a list, such as [shop, bank]",
    "dict_type": "must have keys and values",
    "model_type": "must have keys and values",
    "string_type": "must be a string; write it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "the minimum is {ge}",
    "less_than_equal": "the maximum is {le}",
    "literal_error": "write {expected}",
    "enum": "write {expected}",
    "path_type": "must be the name of a file",
    "string_pattern_mismatch": "write lower-case letters, digits and '-'",
    "string_too_long": "has more than {max_length} characters",
    "string_too_short": "must not be empty",
}
"""Pydantic's kinds of error; any other keeps pydantic's own words."""


def file_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with the files that the settings name, as it is now: they may be rotated later."""
    for name, source in settings.sources.items():
        basic = source.basic_auth
        read = (
            ("bearerTokenFile", source.bearer_token_file),
            ("basicAuth.passwordFile", basic.password_file if basic is not None else None),
            ("caFile", source.ca_file),
            ("clientCertFile", source.client_cert_file),
            ("clientKeyFile", source.client_key_file),
        )
        faults = [f"sources.{name}.{key}: {fault}" for key, file in read if file and (fault := _unreadable(file))]
        yield from faults or (f"sources.{name}.{fault}" for fault in _certificate_faults(source))


def _unreadable(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    return ""


def _certificate_faults(source: Source) -> Iterator[str]:
    if source.ca_file is not None:
        try:
            ssl.create_default_context(cafile=str(source.ca_file))
        except (ssl.SSLError, ValueError):
            yield f"caFile: {source.ca_file} contains no certificate (PEM)"
    if source.client_cert_file is not None:
        try:
            ssl.create_default_context().load_cert_chain(source.client_cert_file, source.client_key_file)
        except (ssl.SSLError, ValueError):
            key = f" with the key in {source.client_key_file}" if source.client_key_file else " and its key"
            yield f"clientCertFile: {source.client_cert_file} contains no certificate (PEM){key}"
