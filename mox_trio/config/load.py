"""Read the two documents into snapshots, or raise ConfigErrors with everything that is wrong in them.

Everything here blocks and computes (10,000 accounts take about a second): a caller on the event loop gives it a thread. No
step keeps the GIL for long: accounts are validated one by one.
When a part is broken, the rules that need that part whole are left out, so that one mistake is not reported ten times.
"""

import errno
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from mox_trio.base.domain import Domain
from mox_trio.config import check_dynamic, check_static, places, shape
from mox_trio.config.models import dynamic as dynamic_models
from mox_trio.config.models import values
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors, Finding, Problem, dotted

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a document; 10,000 accounts need about 1.5 MB."""

Raw = dict[str, Any]


def static(path: Path) -> Static:
    """Read mox-trio.toml. Raises ConfigErrors, also when the file cannot be read."""
    return static_text(text(path), path)


def static_text(document: str, path: Path) -> Static:
    """Read the text of mox-trio.toml; relative paths begin where `path` is. Raises ConfigErrors."""
    raw = _parse(document, str(path))
    context = _directories(raw, path)
    try:
        whole = Static.model_validate(raw, context=context)
        found = check_static.findings(whole, frozenset())
    except ValidationError as error:
        found = shape.findings(error, Static, raw)
        found += _rules_on_the_rest(raw, context, frozenset(str(finding.key[0]) for finding in found if finding.key))
    else:
        if not found:
            return whole
    raise ConfigErrors(placed(found, document, str(path)))


def dynamic(document: str, settings: Static, file: str | None = None) -> Dynamic:
    """Read the text of the dynamic document of a server with these static settings.

    `file` is the name of its source in problems, the configured file if it is not given. Raises ConfigErrors.
    """
    file = file or str(settings.domains_file)
    raw = _parse(document, file)
    context = values.Directories(settings.config_directory, settings.data_directory)
    reader = _DynamicReader(raw, context)
    whole = reader.read()
    found = reader.found + check_dynamic.findings(
        check_dynamic.Draft(settings, whole, reader.domain_keys, frozenset(reader.broken))
    )
    if found:
        raise ConfigErrors(placed(found, document, file))
    return whole


def text(path: Path) -> str:
    """Read the text of a document. Raises ConfigErrors when it is not there, not readable, too large, not UTF-8."""
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        advice = "create it or name another file" if error.errno == errno.ENOENT else "make it readable for this user"
        raise ConfigErrors([Problem(str(path), 0, 0, "", error.strerror or "it cannot be read", advice)]) from None
    if len(content) > LARGEST:
        raise ConfigErrors([_too_large(str(path))])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        problem = Problem(str(path), line, column, "", "this is not UTF-8", "save the file in UTF-8")
        raise ConfigErrors([problem]) from None


def _too_large(file: str) -> Problem:
    return Problem(file, 0, 0, "", f"it is larger than {LARGEST} bytes", "use fewer comments or accounts")


def _parse(document: str, file: str) -> Raw:
    if len(document) > LARGEST:
        raise ConfigErrors([_too_large(file)])
    try:
        return tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        problem = places.of_syntax_error(str(error), document, file)
    except RecursionError:
        problem = Problem(file, 0, 0, "", "arrays or tables are nested too deeply", "write them flatter")
    except (ValueError, OverflowError):  # int() has a limit of digits, datetime one of years
        problem = Problem(file, 0, 0, "", "a number or date is out of range", "write a smaller one")
    raise ConfigErrors([problem])


def _directories(raw: Raw, path: Path) -> values.Directories:
    """Where relative paths begin: needed before validation, as validation makes paths absolute."""
    here = path.absolute().parent
    for key in ("config_directory", "data_directory"):  # these two are relative to the file, whatever they say
        written = raw.get(key, str(Static.model_fields[key].default))
        if isinstance(written, str) and written:
            raw[key] = str(here / written)
    found = [here / raw[key] if isinstance(raw[key], str) else here for key in ("config_directory", "data_directory")]
    return values.Directories(*found)


def _rules_on_the_rest(raw: Raw, context: values.Directories, broken: frozenset[str]) -> list[Finding]:
    """Rules that hold between parts, for the parts that are right by themselves."""
    rest = {key: value for key, value in raw.items() if key not in broken}
    rest.setdefault("hostname", "placeholder.invalid")
    try:
        return check_static.findings(Static.model_validate(rest, context=context), broken)
    except ValidationError:
        return []


def placed(found: list[Finding], document: str, file: str) -> list[Problem]:
    """Give each finding its line and column in the text of the document."""
    where = places.scan(document)
    return [
        Problem(file, *where.of(each.key), key=dotted(each.key), message=each.message, advice=each.advice)
        for each in found
    ]


class _DynamicReader:
    """Validates a dynamic document piece by piece: what is right is kept, what is wrong is found."""

    def __init__(self, raw: Raw, context: values.Directories) -> None:
        self.raw = raw
        self.context = context
        self.found: list[Finding] = []
        self.broken: set[str] = set()
        self.domain_keys: dict[Domain, str] = {}

    def read(self) -> Dynamic:
        pieces = {key: self.raw[key] for key in ("domains", "accounts") if isinstance(self.raw.get(key), dict)}
        rest = {key: value for key, value in self.raw.items() if key not in pieces}
        accounts = self._accounts(pieces.get("accounts", {}))
        domains = self._domains(pieces.get("domains", {}))
        whole = self._rest(rest)
        return whole.model_copy(update={"accounts": MappingProxyType(accounts), "domains": MappingProxyType(domains)})

    def _rest(self, rest: Raw) -> Dynamic:
        try:
            return Dynamic.model_validate(rest, context=self.context)
        except ValidationError as error:
            self._note(shape.findings(error, Dynamic, rest))
            return Dynamic()

    def _accounts(self, raw: Raw) -> dict[str, dynamic_models.Account]:
        accounts = {}
        for name, fields in raw.items():
            if fault := check_dynamic.maybe_account_name_fault(name):
                self.found.append(Finding(("accounts", name), "this name of an account is not safe", fault))
            try:
                accounts[name] = dynamic_models.Account.model_validate(fields, context=self.context)
            except ValidationError as error:
                self._note(shape.findings(error, dynamic_models.Account, fields, ("accounts", name)))
        return accounts

    def _domains(self, raw: Raw) -> dict[Domain, dynamic_models.Domain]:
        domains: dict[Domain, dynamic_models.Domain] = {}
        for key, fields in raw.items():
            try:
                name = values.domain_name(key)
            except ValueError as error:
                self._note([Finding(("domains", key), "the name of this table is wrong", str(error))])
                continue
            if name in domains:
                self._note([Finding(("domains", key), "this domain is there twice", "keep one of them")])
                continue
            self.domain_keys[name] = key
            try:
                domains[name] = dynamic_models.Domain.model_validate(fields, context=self.context)
            except ValidationError as error:
                self._note(shape.findings(error, dynamic_models.Domain, fields, ("domains", key)))
        return domains

    def _note(self, found: list[Finding]) -> None:
        self.found += found
        self.broken.update(str(finding.key[0]) for finding in found if finding.key)
