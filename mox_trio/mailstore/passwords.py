"""Chosen and generated passwords: their form, their hashes, and the rationed work of comparing.

Chosen passwords are hashed with argon2id (RFC 9106 4, the second recommended option: 64 MiB), which is slow on
purpose: at most one hash a core runs at a time, and when too many wait the answer is TRY_LATER. What was right a
moment ago is remembered for five minutes under a key that exists in this process only. Generated passwords have 140
random bits, so a plain SHA-256 of them is as good as any hash.
"""

import base64
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import trio
from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mox_trio.base import text
from mox_trio.base.failure import Failure, Kind
from storage_backends.errors import Corrupt

SHORTEST: Final = 8
"""Characters of a chosen password."""
LONGEST: Final = 1000
"""Characters of any password; what is longer is not even looked at."""
QUEUE: Final = 32
"""Comparisons that may wait for a core."""
REMEMBERED: Final = 5 * 60_000
"""Milliseconds for which a right password is remembered."""
MOST_REMEMBERED: Final = 10_000

# 32 characters that are not taken for each other when read aloud or copied by hand.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_GROUPS: Final = 7
_GROUP: Final = 4
GENERATED_BYTES: Final = 18
"""Entropy that `generated` asks for; 140 bits of it are used."""


def chosen(password: str) -> bytes:
    """The form in which a new password is hashed (OpaqueString, RFC 8265 4.2). INVALID says what is wrong with it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Failure(Kind.INVALID, f"a password has {SHORTEST} to {LONGEST} characters")
    try:
        return text.opaque_string(password).encode()
    except ValueError as error:
        raise Failure(Kind.INVALID, f"the password {error}; choose another") from None


def maybe_offered(password: str) -> bytes | None:
    """The form of a password that somebody offers; None when no password can be like this."""
    if len(password) > LONGEST:
        return None
    try:
        return text.opaque_string(password).encode()
    except ValueError:
        return None


def generated(entropy: bytes) -> str:
    """A password in groups, such as `k7wq-...`, from 18 random bytes."""
    number = int.from_bytes(entropy[:GENERATED_BYTES], "big")
    letters = [_ALPHABET[number >> 5 * place & 31] for place in range(_GROUPS * _GROUP)]
    return "-".join("".join(letters[start : start + _GROUP]) for start in range(0, len(letters), _GROUP))


def digest(password: bytes) -> bytes:
    """SHA-256 of a generated password, however its groups and its case were typed."""
    bare = password.lower().replace(b"-", b"").replace(b" ", b"")
    return hashlib.sha256(bare).digest()


class Passwords:
    """Hashes and compares chosen passwords for one process."""

    def __init__(
        self,
        now: Callable[[], int],
        hasher: PasswordHasher | None = None,
        *,
        cores: int | None = None,
        queue: int = QUEUE,
    ) -> None:
        """`now` gives milliseconds; `hasher` defaults to RFC 9106's second recommended option."""
        at_once = cores or os.cpu_count() or 1
        self._now = now
        self._hasher = hasher or PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
        self._turns = trio.CapacityLimiter(at_once)
        self._threads = trio.CapacityLimiter(at_once)
        self._queue = queue
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, int] = OrderedDict()
        self._nobody = _hash_of_nothing(self._hasher)

    async def hash(self, password: bytes) -> bytes:
        """The PHC string of a password. TRY_LATER when too many wait."""
        async with self._turn():
            hashed = await trio.to_thread.run_sync(self._hasher.hash, password, limiter=self._threads)
        return hashed.encode("ascii")

    async def is_right(self, owner: int, stored: bytes | None, password: bytes) -> bool:
        """Whether a password has this hash; without a hash it takes as long and is not.

        `owner` is the credential whose hash it is. TRY_LATER when too many wait, Corrupt when the hash is none.
        """
        memory = self._memory(owner, stored, password)
        if self._remembers(memory):
            return True
        async with self._turn():
            # One client often opens several connections at once: the first of them has answered for all.
            if self._remembers(memory):
                return True
            found = await trio.to_thread.run_sync(self._verify, stored or self._nobody, password, limiter=self._threads)
        if found:
            self._remember(memory)
        return found

    def _turn(self) -> trio.CapacityLimiter:
        if self._turns.statistics().tasks_waiting >= self._queue:
            raise Failure(Kind.TRY_LATER, "too many log-ins at the moment; try again in a minute")
        return self._turns

    def _verify(self, stored: bytes, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):
            # From None: the cause would carry the hash.
            raise Corrupt("the hash of a password is no argon2 hash") from None

    def _memory(self, owner: int, stored: bytes | None, password: bytes) -> bytes:
        # The hash is part of it, so a changed password is never remembered as right.
        # Not hmac: OpenSSL lets go of the interpreter, which costs more than the hash while other threads work.
        value = b"%d\0%b\0%b" % (owner, stored or b"", password)
        return hashlib.blake2b(value, key=self._key, digest_size=32).digest()

    def _remembers(self, memory: bytes) -> bool:
        until = self._right.get(memory)
        return until is not None and self._now() < until

    def _remember(self, memory: bytes) -> None:
        self._right[memory] = self._now() + REMEMBERED
        self._right.move_to_end(memory)
        if len(self._right) > MOST_REMEMBERED:
            self._right.popitem(last=False)


def _hash_of_nothing(hasher: PasswordHasher) -> bytes:
    """A hash with the hasher's costs that no password is known for, made without computing one."""
    salt, tag = (
        base64.b64encode(os.urandom(size)).rstrip(b"=").decode("ascii") for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${tag}".encode("ascii")
