"""One TLS context for all connections to a source: certificates are read once, and anew when their files change.

`requests` reads the whole CA bundle for every connection: milliseconds and hundreds of kilobytes each time.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context


class CertificatesUnreadable(OSError):  # noqa: N818  (a state of the world, not of the code)
    """A file with certificates or a key cannot be used; the message names it."""


@dataclass
class Certificates:
    """What a source is verified by, and what it is shown. Used from many threads."""

    ca_file: Path | None = None
    """Certificates to trust; `None`: those that come with `requests`."""
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    """`None`: the key is in the certificate's file."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _made: tuple[object, ssl.SSLContext] | None = field(default=None, init=False)

    def context(self) -> ssl.SSLContext:
        """The context: the same until a file changes.

        Raises: CertificatesUnreadable.
        """
        with self._lock:
            state = self._state()
            if self._made is None or self._made[0] != state:
                self._made = state, self._make()
            return self._made[1]

    def _files(self) -> list[Path]:
        own = [file for file in (self.client_cert_file, self.client_key_file) if file is not None]
        return [self.ca_file or Path(DEFAULT_CA_BUNDLE_PATH), *own]

    def _state(self) -> object:
        try:
            return tuple((found.st_mtime_ns, found.st_size, found.st_ino) for found in map(Path.stat, self._files()))
        except OSError as error:
            raise CertificatesUnreadable(f"cannot read {error.filename}: {error.strerror}") from error

    def _make(self) -> ssl.SSLContext:
        context = create_urllib3_context()
        trusted, *_ = self._files()
        try:
            if trusted.is_dir():
                context.load_verify_locations(capath=str(trusted))
            else:
                context.load_verify_locations(cafile=str(trusted))
        except OSError as error:  # an ssl.SSLError is one
            raise CertificatesUnreadable(f"{trusted} contains no certificates: {error}") from error
        if self.client_cert_file is not None:
            try:
                context.load_cert_chain(self.client_cert_file, self.client_key_file)
            except OSError as error:
                raise CertificatesUnreadable(f"{self.client_cert_file} cannot be used: {error}") from error
        return context
