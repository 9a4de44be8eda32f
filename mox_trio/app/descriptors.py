"""Enough file descriptors for as many sessions as the configuration allows.

Systems give a process 1024 unless it asks for more; it may ask for up to its hard limit without being root. When that is not
enough it is logged with what to do; connections beyond it wait in the kernel's queue (`transport.accepting`).
"""

import logging
import resource
from typing import Final

logger = logging.getLogger(__name__)

OTHERS: Final = 1024
"""Descriptors for stores, temporary files, and connections to other hosts."""


def allow(sessions: int) -> None:
    """Ask for enough for that many sessions."""
    wanted = sessions + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    given = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (given, hard))
    if given < wanted:
        advice = f"set LimitNOFILE={wanted} in the unit of systemd, or lower limits.sessions"
        logger.warning("too few file descriptors", extra={"allowed": given, "wanted": wanted, "advice": advice})
