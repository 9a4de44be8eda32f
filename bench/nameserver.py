"""A name server for measurements: `python -m bench.nameserver PORT [--dkim TXT]`.

127.B.C.D is hB-C-D.client.example and back; any other NAME.example is 127.0.0.1, its own mail host, sends from 127.0.0.0/8
by SPF and asks nothing by DMARC; bench._domainkey.NAME.example is the key given. Nothing else exists. How many questions
came is the TXT record of count.bench.
"""

import argparse
import re
import socket
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL: Final = 3600
HOST: Final = re.compile(r"h(\d+)-(\d+)-(\d+)\.client\.example\.")
REVERSE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)\.127\.in-addr\.arpa\.")


class NameServer:
    """What is answered."""

    def __init__(self, dkim: str) -> None:
        self._dkim = dkim
        self._questions = 0

    def answer(self, wire: bytes) -> bytes:
        """The answer to a question."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(query, recursion_available=True)
        if name == "count.bench.":
            response.answer.append(dns.rrset.from_text(name, 0, "IN", "TXT", f'"{self._questions}"'))
            return response.to_wire()
        self._questions += 1
        found = self._records(name)
        if not found:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in found:
            response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", kind, found[kind]))
        return response.to_wire()

    def _records(self, name: str) -> dict[str, str]:
        if match := REVERSE.fullmatch(name):
            return {"PTR": f"h{match[3]}-{match[2]}-{match[1]}.client.example."}
        if match := HOST.fullmatch(name):
            return {"A": f"127.{match[1]}.{match[2]}.{match[3]}"}
        if not name.endswith(".example."):
            return {}
        if name.startswith("_dmarc."):
            return {"TXT": '"v=DMARC1; p=none"'}
        if name.startswith("bench._domainkey."):
            return {"TXT": " ".join(f'"{self._dkim[at : at + 250]}"' for at in range(0, len(self._dkim), 250))}
        if name.startswith("_") or name.count(".") != 2:
            return {}
        return {"A": "127.0.0.1", "MX": f"10 {name}", "TXT": '"v=spf1 ip4:127.0.0.0/8 -all"'}


def main() -> None:
    """Answer until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--dkim", default="")
    given = parser.parse_args()
    server = NameServer(given.dkim)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", given.port))
        print("ready", flush=True)
        while True:
            query, peer = wire.recvfrom(4096)
            try:
                wire.sendto(server.answer(query), peer)
            except (dns.exception.DNSException, IndexError):
                continue


if __name__ == "__main__":
    main()
