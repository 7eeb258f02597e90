"""Which Prometheus is asked, and how one is let in, from the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import ValidationError

from tidegate.adapters.prometheus import FileAuth, SourceAddress
from tidegate.api.values.scalars import Duration
from tidegate.cli.errors import CommandError
from tidegate.cli.instants import duration
from tidegate.runtime.settings import Source


def add_source_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Where it is, and how one is let in."""
    add = parser.add_argument
    add("--prometheus", required=required, metavar="URL", help="base URL, to which /api/v1/query_range is appended")
    add("--bearer-token-file", type=Path, metavar="FILE", help="a token for Prometheus")
    add("--user", metavar="NAME", help="a user of Prometheus, with --password-file")
    add("--password-file", type=Path, metavar="FILE", help="that user's password")
    add(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a header for Prometheus, such as X-Scope-OrgID",
    )
    add("--ca-file", type=Path, metavar="FILE", help="CA certificates to trust instead of the system's")
    add("--timeout", type=duration, default=Duration("1m"), help="timeout of a query; by default 1m")


def address_of(arguments: argparse.Namespace) -> SourceAddress:
    """The address. Raises: CommandError: it is none, or says two things."""
    headers = dict(_header(text) for text in arguments.header)
    try:
        url = Source.model_validate({"url": arguments.prometheus}).url
    except ValidationError as error:
        said = str(error.errors()[0].get("ctx", {}).get("error") or error.errors()[0]["msg"])
        if "password" in said:  # never shown
            raise CommandError("--prometheus must not hold a password; use --user and --password-file") from None
        raise CommandError(f"--prometheus {arguments.prometheus} {said}") from error
    if (arguments.user is None) != (arguments.password_file is None):
        raise CommandError("--user and --password-file require each other")
    if arguments.user is not None and arguments.bearer_token_file is not None:
        raise CommandError("give --bearer-token-file or --user, not both")
    auth = FileAuth(arguments.bearer_token_file, arguments.user or "", arguments.password_file)
    return SourceAddress(url, auth, arguments.ca_file, headers=headers, timeout=arguments.timeout.seconds)


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    try:
        made = Source.model_validate({"url": "http://localhost", "headers": {name.strip(): value.strip()}}).headers
    except ValidationError:
        made = {}
    if not separator or not made:
        raise CommandError(f"--header {name}: write it like X-Scope-OrgID:shop, on one line")
    return name.strip(), value.strip()
