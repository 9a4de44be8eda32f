"""HTML of mails that want to run scripts or to be seen reading: `hostile.txt`, of public kinds of attacks. Each vector calls
for itself, by its number.
"""

from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_suffix(".txt")
RUN: Final = "(top||parent||window).hit=(top.hit||'')+'#{n}'"


def vectors(out: str) -> list[str]:
    """All of them, written out; `out` is the attacker's server, such as http://127.0.0.1:1234."""
    lines = [line for line in FILE.read_text("ascii").splitlines() if line and not line.startswith("#")]
    written = []
    for number, line in enumerate(lines):
        html = line.encode("ascii").decode("unicode_escape")
        url = f"{out}/{number}"
        html = html.replace("//OUT", url.partition(":")[2]).replace("OUT", url)
        written.append(html.replace("RUN", RUN.replace("{n}", str(number))))
    return written
