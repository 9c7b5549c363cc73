"""How a client waits, tries again and limits itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1024 * 1024


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be greater than 0, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How long each kind of waiting may last, in seconds. No call goes without one.

    Attributes:
        connect: For `wait_ready`: until the server answers.
        call: One short call, with its retries.
        upload: Sending one file.
        download: Reading one file.
        job: From submission to the end of a job.

    Raises:
        ValueError: A value is not greater than 0.
    """

    connect: float = 10.0
    call: float = 30.0
    upload: float = 120.0
    download: float = 120.0
    job: float = 600.0

    def __post_init__(self) -> None:
        _positive(connect=self.connect, call=self.call, upload=self.upload, download=self.download, job=self.job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a call that found the server down or full is sent again. Only calls that are safe to repeat are.

    The n-th wait is `first_delay · factor^(n-1)`, at most `max_delay`, shortened at random by up to `jitter` of itself;
    the server's own hint (`retry_after`) replaces it where there is one. A wait past the deadline is not begun.

    Attributes:
        attempts: Calls in all, the first included; 1: never again.
        first_delay: Seconds before the second attempt.
        factor: Growth from wait to wait, >= 1.
        max_delay: Longest wait of our own choice, seconds.
        jitter: Share of a wait that is drawn at random, 0..1, so that many clients do not come back at once.

    Raises:
        ValueError: A value is out of its range.
    """

    attempts: int = 8
    first_delay: float = 0.2
    factor: float = 2.0
    max_delay: float = 5.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, not {self.attempts}")
        if self.factor < 1:
            raise ValueError(f"factor must be at least 1, not {self.factor}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must be in 0..1, not {self.jitter}")
        _positive(first_delay=self.first_delay, max_delay=self.max_delay)

    def delay(self, failures: int, retry_after: float | None, draw: float) -> float:
        """Seconds to wait after `failures` (>= 1) failed attempts; `draw` is a random number in [0, 1)."""
        if retry_after is not None:
            # Never before the server's hint; a little after it, so that the refused ones spread out.
            return retry_after * (1.0 + 0.1 * draw)
        # The exponent is bounded because a float power overflows where a stream has broken a thousand times.
        wait = min(self.max_delay, self.first_delay * self.factor ** min(failures - 1, 64))
        return wait * (1.0 - self.jitter * draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may use.

    Attributes:
        channels: gRPC connections to share the calls among; one connection saturates before the server does.
        max_message_bytes: Largest message, either way.
        max_download_bytes: Largest file to read into memory.
        keepalive: Seconds between pings on a connection with calls under way; a dead peer is found by them.
        keepalive_timeout: Seconds until an unanswered ping closes the connection.

    Raises:
        ValueError: A value is not greater than 0.
    """

    channels: int = 2
    max_message_bytes: int = 16 * MEBIBYTE
    max_download_bytes: int = 256 * MEBIBYTE
    keepalive: float = 30.0
    keepalive_timeout: float = 10.0

    def __post_init__(self) -> None:
        _positive(
            channels=self.channels,
            max_message_bytes=self.max_message_bytes,
            max_download_bytes=self.max_download_bytes,
            keepalive=self.keepalive,
            keepalive_timeout=self.keepalive_timeout,
        )


DEFAULT_TIMEOUT: Final = Timeout()
DEFAULT_RETRY: Final = Retry()
DEFAULT_LIMITS: Final = Limits()
