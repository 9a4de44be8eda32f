"""What a running server can be asked by the control socket."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from mox_trio.control.server import Operation
from mox_trio.mailqueue import managing
from mox_trio.running import Running


def table(running: Running, more: Mapping[str, Operation]) -> Mapping[str, Operation]:
    """Operations by the names of their commands; `more` joins those of other rooms."""

    async def status(arguments: Mapping[str, Any]) -> Any:
        return await _status(running)

    async def stop(arguments: Mapping[str, Any]) -> Any:
        running.stop()
        return {"stopping": True}

    async def reload(arguments: Mapping[str, Any]) -> Any:
        config = running.services.config
        await config.reload()
        return {"version": config.current.version, "problem": _problem(running)}

    return {"status": status, "stop": stop, "reload": reload, **more}


async def _status(running: Running) -> dict[str, Any]:
    services = running.services
    total, held = await managing.counts(running.queue)
    return {
        "version": version("mox-trio"),
        "hostname": str(services.static.hostname),
        "pid": os.getpid(),
        "started": running.started,
        "seconds": (services.mail.now() - running.started) // 1000,
        "listening": list(running.listening),
        "sessions": running.sessions(),
        "queued": total,
        "held": held,
        "config_version": services.config.current.version[:12],
        "config_problem": _problem(running),
    }


def _problem(running: Running) -> str | None:
    problem = running.services.config.problem
    return None if problem is None else str(problem)
