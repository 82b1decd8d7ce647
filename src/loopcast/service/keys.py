"""Who may do what: keys with scopes, kept as digests only."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers

from loopcast.service.problem import Problem
from loopcast.service.settings import Key, Scope


class Keys:
    """Without keys everybody may do all but administrate; with keys nobody may without one."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def client(self, headers: Headers, scope: Scope | None) -> str:
        """The client's name. `scope` None: any key does. Raises Problem 401 or 403."""
        if not self._keys:
            if scope == "admin":
                raise Problem(403, "Admin routes need a key, and the service has none set.")
            return ""
        key = self.find(_given(headers))
        if scope is not None and scope not in key.scopes:
            raise Problem(403, f"The key's scopes are {', '.join(key.scopes)}; {scope} is needed.")
        return key.name

    @property
    def all(self) -> tuple[Key, ...]:
        """As the config has them."""
        return self._keys

    def find(self, given: str) -> Key:
        """Every key is compared, so that the time tells nothing; raises Problem 401."""
        digest = hashlib.sha256(given.encode()).hexdigest()
        found = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]
        if not found:
            raise Problem(
                401,
                "Send a key that is known here: Authorization: Bearer KEY, or X-API-Key: KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found[0]


def _given(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")


def new_key() -> tuple[str, str]:
    """A fresh key of 256 random bits, and the digest for the config."""
    key = f"loopcast_{secrets.token_urlsafe(32)}"
    return key, hashlib.sha256(key.encode()).hexdigest()
