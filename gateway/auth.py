"""API keys: who is calling."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from luce.errors import Unauthenticated

ANONYMOUS: Final = "anonymous"


class Keyring:
    """Knows the SHA-256 of each API key, and tells whose a presented key is.

    Args:
        digests: Name of the key to the SHA-256 of the key, 64 lower-case hexadecimal digits. Empty: everybody is
            `ANONYMOUS`, whatever they present.
    """

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests = {name: bytes.fromhex(digest) for name, digest in digests.items()}

    def owner(self, authorization: str | None, api_key: str | None = None) -> str:
        """The name of the key that came in `Authorization: Bearer KEY` or in `X-API-Key: KEY`.

        Raises:
            Unauthenticated: No key, or one that is not known. The message does not say which keys there are.
        """
        if not self._digests:
            return ANONYMOUS
        presented = self._presented(authorization, api_key)
        digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()
        found = ""
        # Every digest is compared, so that the time taken tells nothing about which one matched.
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        if not found:
            raise Unauthenticated("this API key is not known", field="authorization")
        return found

    @staticmethod
    def _presented(authorization: str | None, api_key: str | None) -> str:
        if authorization:
            scheme, _, key = authorization.partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                raise Unauthenticated("the Authorization header is not `Bearer KEY`", field="authorization")
            return key.strip()
        if api_key:
            return api_key.strip()
        raise Unauthenticated("an API key is needed: `Authorization: Bearer KEY`", field="authorization")
