"""How registries fail to answer: errors that say more than their class, and what `Retry-After` asks of us. No I/O."""

import errno
import re
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp

from webhook.errors import NotFoundOutError, RegistryRateLimitedError, RegistryResponseError, RegistryUnavailableError
from webhook.registry.endpoint import Endpoint

LONGEST_PAUSE_SECONDS = 60.0
"""However long a registry asks us to wait: as long as a verification may last, and nobody is kept waiting for hours."""

UNTOLD_PAUSE_SECONDS = 5.0
"""After a 429 that does not say for how long, or not in a way that can be read."""

_GATEWAY = frozenset({502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,9}")  # ASCII digits alone; nine of them are 31 years
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
"""An IMF-fixdate, the one form of RFC 9110 5.6.7 that may be written today."""

_CERTIFICATE_FAULTS = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its issuer is not trusted",
    20: "its issuer is not trusted",
    62: "it is for another host",
}
"""OpenSSL's X509_V_ERR_… numbers."""


class PassingError(RegistryUnavailableError):
    """What may be over when the question is asked once more."""


class UnreachableError(PassingError):
    """No connection came about: no address, no answer to the dial, no TLS. `origin` is what was dialled."""

    def __init__(self, message: str, origin: Endpoint) -> None:
        super().__init__(message)
        self.origin = origin


class AskedTooOftenError(RegistryRateLimitedError):
    """429; `retry_after` is the field of that name as it came, empty where there was none."""

    def __init__(self, message: str, retry_after: str) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def is_passing(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer is that of a gateway which had a bad moment, and did not say when to come back."""
    return status in _GATEWAY and "Retry-After" not in headers


def pause_seconds(retry_after: str, now: datetime) -> float:
    """How long not to ask again, from 0 to `LONGEST_PAUSE_SECONDS` (RFC 9110 10.2.3)."""
    text = retry_after.strip(" \t")
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE_SECONDS)
    if not _DATE.fullmatch(text):
        return UNTOLD_PAUSE_SECONDS
    try:
        until = parsedate_to_datetime(text)
    except ValueError:  # such as the 31st of February
        return UNTOLD_PAUSE_SECONDS
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE_SECONDS)


def of_connection(whom: str, origin: Endpoint, error: aiohttp.ClientError) -> NotFoundOutError:
    """Our error for one of aiohttp's, whose own text may hold URLs, header fields and what the registry wrote."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return UnreachableError(f"the proxy did not connect to {whom} (status {error.status})", origin)
    if isinstance(error, aiohttp.ClientResponseError):
        return RegistryResponseError(f"{whom} answered with something other than HTTP/1.1")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return UnreachableError(f"{whom} did not take a connection in time", origin)
    if isinstance(error, aiohttp.ClientConnectorError):
        return UnreachableError(_connector_fault(whom, error), origin)
    if isinstance(error, aiohttp.ClientPayloadError):
        return PassingError(f"the connection to {whom} broke")
    # From here on aiohttp has asked twice: a connection that was kept may have been closed by then (RFC 9112 9.3.1).
    number = _errno(error)
    return RegistryUnavailableError(f"the connection to {whom} {f'failed ({number})' if number else 'broke'}")


def _connector_fault(whom: str, error: aiohttp.ClientConnectorError) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {whom} is not accepted: {_certificate_fault(error)}"
        case aiohttp.ClientConnectorDNSError():
            return f"the host name of {whom} could not be resolved"
        case aiohttp.ClientProxyConnectionError():
            return f"the connection to the proxy for {whom} failed ({_errno(error) or 'no reason'})"
    number = "" if isinstance(error, aiohttp.ClientSSLError) else _errno(error)
    if number:
        return f"the connection to {whom} failed ({number})"
    # OpenSSL's error, or none, since asyncio hides a TLS alert of the server
    return f"the TLS handshake with {whom} failed; expected TLS 1.2 or later"


def _errno(error: aiohttp.ClientError) -> str:
    """The name of the system's error, empty where there is none."""
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, "")


def _certificate_fault(error: aiohttp.ClientConnectorCertificateError) -> str:
    cause = error.certificate_error
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else 0
    return _CERTIFICATE_FAULTS.get(code, f"OpenSSL's verification code is {code}")
