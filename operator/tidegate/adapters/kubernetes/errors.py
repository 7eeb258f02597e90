"""The one place where the client library's errors become the ports' errors.

Left out: retries and waiting. What the server says about when to come back is in the message; callers decide.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

from tidegate.ports.errors import Conflict, Missing, PortError, Rejected, Unavailable

PATCH_NOT_APPLICABLE = "the server rejected our request due to an error in our request"
"""What the API server says (422, without the causes a validation error has) when a JSON patch's `test` fails."""

NOT_SERVED = "this kind is not served by the API server"
"""What is said of a kind without a definition, or with none that is established."""


class NotServed(Rejected):
    """The URL is not one that the API server has: the kind is not served, or not in this version."""


_TRY_LATER = frozenset({401, 408, 425, 429})
"""401 is among them: a token that has just been rotated is read again for the next call."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns whatever a call raises into a `PortError` that begins with `what`, such as `patch HTTPRoute shop/checkout`."""
    try:
        yield
    except ApiException as error:
        raise from_answer(what, error) from error
    except TimeoutError as error:
        raise Unavailable(f"{what}: timed out") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"{what}: {_unreachable(error)}") from error
    except ValueError as error:
        raise Unavailable(f"{what}: the response does not match the Kubernetes API: {error}") from error


def from_answer(what: str, error: ApiException) -> PortError:
    """The port's error for an answer with an HTTP status that is not success."""
    status = _status(error)
    message = f"{what}: {error.status} {status.get('message') or error.reason or 'no reason given'}"
    match error.status:
        case 404 if status:
            return Missing(message)
        case 404:
            return NotServed(f"{what}: {NOT_SERVED}")
        case 409:
            return Conflict(message)
        case 422 if _test_failed(status):
            return Conflict(f"{what}: the object is no longer as it was read")
        case code if code in _TRY_LATER or not 400 <= (code or 0) < 500:
            return Unavailable(message + _when(error))
        case _:
            return Rejected(message)


def _unreachable(error: Exception) -> str:
    """Why there was no answer, in words."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {error.host}:{error.port} is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        why = os.strerror(number).lower() if number is not None and number > 0 else str(error.os_error)
        return f"the API server {error.host}:{error.port} cannot be reached: {why}"
    return f"{type(error).__name__}: {error}"


def _status(error: ApiException) -> dict[str, Any]:
    """The `Status` object in the answer; empty when the answer is something else."""
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) and body.get("kind") == "Status" else {}


def _test_failed(status: dict[str, Any]) -> bool:
    causes = (status.get("details") or {}).get("causes") or []
    return PATCH_NOT_APPLICABLE in (status.get("message") or "") and not any(cause.get("field") for cause in causes)


def _when(error: ApiException) -> str:
    after = error.headers.get("Retry-After") if error.headers else None
    return f" (retry after {after} s)" if after else ""
