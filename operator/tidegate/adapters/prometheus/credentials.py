"""Tokens and passwords from files, read for every request: whoever rotates them need not tell us."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from requests import PreparedRequest
from requests.auth import AuthBase


class CredentialsUnreadable(Exception):  # noqa: N818  (a state of the world, not of the code)
    """The file is not there or not readable; the message names the file, never what is in it."""


@dataclass(frozen=True)
class FileAuth(AuthBase):
    """Sets the Authorization header from a bearer token's file, or from a user's name and a password's file."""

    bearer_token_file: Path | None = None
    username: str = ""
    password_file: Path | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with its header.

        Raises: CredentialsUnreadable.
        """
        if self.bearer_token_file is not None:
            request.headers["Authorization"] = f"Bearer {_content(self.bearer_token_file)}"
        elif self.password_file is not None:
            pair = f"{self.username}:{_content(self.password_file)}".encode()
            request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return request


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise CredentialsUnreadable(f"cannot read {path}: {error.strerror}") from error
