"""What the server refuses, in words and with a status a program understands."""

from __future__ import annotations

from auricle_shared.errors import AuricleError


class RefusedError(AuricleError):
    """A request that cannot be met: `status` is the HTTP status, 4xx; `retry_seconds` when trying again may help."""

    def __init__(self, status: int, message: str, retry_seconds: float | None = None, **details: object) -> None:
        super().__init__(message)
        self.status, self.retry_seconds, self.details = status, retry_seconds, details
