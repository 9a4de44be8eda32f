"""Random pieces are never given twice: not to two threads, not to a forked child."""

import os
import subprocess
import sys
import threading

from mox_trio.mailstore.entropy import PIECES, Pool


def test_threads_never_get_the_same_piece() -> None:
    pool = Pool(16)
    taken: list[list[bytes]] = [[] for _ in range(4)]

    def take(into: list[bytes]) -> None:
        into.extend(pool.take() for _ in range(PIECES * 3))

    threads = [threading.Thread(target=take, args=(each,)) for each in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [piece for each in taken for piece in each]
    assert len(set(everything)) == len(everything) == 4 * PIECES * 3
    assert {len(piece) for piece in everything} == {16}


def test_a_forked_child_draws_its_own() -> None:
    script = (
        "import os, sys; from mox_trio.mailstore.entropy import Pool\n"
        "pool = Pool(12); pool.take()\n"
        "child = os.fork()\n"
        "sys.stdout.write(pool.take().hex() + '\\n'); sys.stdout.flush()\n"
        "os._exit(0) if child == 0 else os.waitpid(child, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    pieces = done.stdout.split()
    assert len(pieces) == 2
    assert pieces[0] != pieces[1]
