"""A mail store whose index and bodies fail on purpose, over one that works."""

from dataclasses import dataclass, replace

from mox_trio.mailstore.store import MailStore
from storage_backends.contract.faults import Fault, FaultyBodies, Schedule
from storage_backends.contract.index_faults import FaultyIndex


@dataclass(frozen=True, slots=True)
class Faulty:
    """The store that fails, and what counts its calls and statements."""

    store: MailStore
    schedule: Schedule
    index: FaultyIndex


def over(good: MailStore, *faults: Fault, statement: int = 0) -> Faulty:
    """Calls of index and bodies are counted together, statements of units by themselves (0: none fails)."""
    schedule = Schedule(*faults)
    index = FaultyIndex(good.index, schedule, statement=statement)
    bodies = {name: FaultyBodies(inner, schedule) for name, inner in good.bodies.items()}
    return Faulty(replace(good, index=index, bodies=bodies), schedule, index)
