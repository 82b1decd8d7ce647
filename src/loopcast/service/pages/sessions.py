"""Who looks at the page: a signed cookie that stands for a key, and the token of its forms.

The cookie holds a random number, a mark of the key (never the key or its digest) and an end. It is
HttpOnly and SameSite=Strict. A key that leaves the config takes its sessions along.
"""

import base64
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from loopcast.service.keys import Keys
from loopcast.service.problem import Problem
from loopcast.service.settings import SCOPES, Key, Scope

COOKIE = "loopcast"
SECONDS = 12 * 3600
VARIABLE = "LOOPCAST_SECRET"
PEOPLE: tuple[Scope, ...] = ("review", "admin")
"""The page opens for keys of people, not for those of machines."""


@dataclass(frozen=True)
class Session:
    """`known`: may look at the page; `fresh`: the browser does not have its cookie yet."""

    nonce: str
    name: str = ""
    scopes: tuple[Scope, ...] = ()
    known: bool = False
    fresh: bool = False
    mark: str = field(default="", repr=False)

    def may(self, scope: Scope) -> bool:
        """Does its key open this?"""
        return scope in self.scopes


class Sessions:
    """`open_`: no keys are set and only this machine comes in, so everybody may but administrate."""

    def __init__(self, keys: Keys, *, open_: bool, secret: bytes | None = None) -> None:
        self._keys, self._open = keys, open_
        given = os.environ.get(VARIABLE, "").encode()
        self._secret = secret or given or secrets.token_bytes(32)

    def read(self, request: Request) -> Session:
        """Of the cookie; a fresh one that is not known where there is none, or a wrong one."""
        parts = request.cookies.get(COOKIE, "").split(".")
        if len(parts) == 4 and _same(parts[3], self._sign("session", parts[:3])):
            nonce, mark, end = parts[:3]
            if time.time() < int(end):
                return self._session(nonce, mark)
        return self._session(secrets.token_urlsafe(16), "", fresh=True)

    def log_in(self, given: str) -> Session:
        """Raises Problem 401 for an unknown key, 403 for a machine's."""
        key = self._keys.find(given)
        if not set(PEOPLE) & set(key.scopes):
            raise Problem(403, "This key is a machine's; the page needs the scope review or admin.")
        return self._session(secrets.token_urlsafe(16), self._mark(key), fresh=True)

    def keep(self, session: Session, request: Request, response: Response) -> None:
        """Give the browser its cookie."""
        parts = [session.nonce, session.mark, str(int(time.time()) + SECONDS)]
        value = ".".join([*parts, self._sign("session", parts)])
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, value, SECONDS, path="/ui", httponly=True, samesite="strict", secure=secure
        )

    def drop(self, response: Response) -> None:
        """Forget it."""
        response.delete_cookie(COOKIE, path="/ui", httponly=True, samesite="strict")

    def token(self, session: Session) -> str:
        """For the forms of this session."""
        return self._sign("form", [session.nonce, session.mark])

    def check(self, session: Session, token: str) -> None:
        """Raises Problem 403 where a form did not come from our own page."""
        if session.fresh or not _same(token, self.token(session)):
            raise Problem(403, "The form is too old, or not ours: load the page again.")

    def _session(self, nonce: str, mark: str, *, fresh: bool = False) -> Session:
        if not self._keys.all:
            scopes = tuple(one for one in SCOPES if one != "admin") if self._open else ()
            return Session(nonce, "", scopes, self._open, fresh, mark)
        for key in self._keys.all:
            if mark and _same(mark, self._mark(key)):
                return Session(nonce, key.name, key.scopes, True, fresh, mark)
        return Session(nonce, fresh=fresh)

    def _mark(self, key: Key) -> str:
        return self._sign("key", [key.sha256])

    def _sign(self, what: str, parts: list[str]) -> str:
        text = "|".join([what, *parts]).encode()
        digest = hmac.new(self._secret, text, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _same(given: str, wanted: str) -> bool:
    """In a time that tells nothing, whatever letters were given."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
