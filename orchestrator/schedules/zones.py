"""Time zones, from the newer of two sources: the system's folders and the package tzdata.

Python's `zoneinfo` prefers the system's, which a stable distribution may keep as it was years ago; then a zone whose
rules changed since is an hour wrong. This module compares the versions, and reads from the newer one without touching
what `zoneinfo` does for others. It looks anew each time, so a long-lived process gets what was updated meanwhile.

The only module of this room that reads files.
"""

import importlib
import importlib.resources
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestrator.text import fold

PACKAGE = "the package tzdata"

_VERSION = re.compile(r"(\d{4})([a-z]+)")
_FIRST_LINE = re.compile(r"# version (\S+)")
_PART = re.compile(r"[A-Za-z0-9_+-]+", re.ASCII)
_ETC_OFFSET = re.compile(r"Etc/GMT([+-])(\d+)")
_FIXED = {
    "EST": ("UTC-5", "America/New_York"),
    "MST": ("UTC-7", "America/Denver"),
    "HST": ("UTC-10", "Pacific/Honolulu"),
}
_LIKE = {
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "CET": "Europe/Brussels",
    "MET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
_ABBREVIATIONS = {
    "cest": "Europe/Paris",
    "bst": "Europe/London",
    "ist": "Asia/Kolkata",
    "edt": "America/New_York",
    "cst": "America/Chicago",
    "cdt": "America/Chicago",
    "mdt": "America/Denver",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "jst": "Asia/Tokyo",
    "aest": "Australia/Sydney",
    "aedt": "Australia/Sydney",
}
_REFUSED = {"factory", "localtime", "posixrules"}
_OTHER_CLOCKS = {"right", "posix"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneData:
    """Where zones are read from."""

    version: str | None
    """Of the IANA time zone database, such as 2026f; None if the source does not tell."""
    source: str
    """A folder, or the package tzdata."""

    def __str__(self) -> str:
        return f"{self.version or 'of unknown version'} ({self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A time zone, and where it was read."""

    name: str
    info: ZoneInfo
    data: ZoneData


@dataclass(frozen=True, slots=True)
class _Source:
    data: ZoneData
    root: Traversable | Path

    def file(self, name: str) -> Traversable | Path | None:
        """Return the file of a zone: spelt like this, and inside of the folder, also where case does not matter."""
        current = self.root
        for part in name.split("/"):
            inside = [each for each in current.iterdir() if each.name == part] if current.is_dir() else []
            if not inside:
                return None
            current = inside[0]
        return current if current.is_file() else None


def zone_data() -> ZoneData:
    """Return the zone data that `load_zone` reads from now.

    Raises:
        ValueError: this machine has none.
    """
    return _sources()[0].data


def load_zone(name: str) -> Zone:
    """Read a time zone from the newer source; from the other one, if only that has it.

    >>> load_zone("Europe/Paris").info.key
    'Europe/Paris'

    Raises:
        ValueError: no such zone, or none that a schedule can follow; the message says what was expected.
    """
    _refuse(name)
    sources = _sources()
    if all(_PART.fullmatch(part) for part in name.split("/")):
        for source in sources:
            found = _read(source, name)
            if found is not None:
                return Zone(name=name, info=found, data=source.data)
    close = _nearest(name, sources)
    raise ValueError(f"expected a time zone such as {close or 'Europe/Paris'}")


def zone_warning(name: str) -> str | None:
    """Return what is odd about the name of an existing zone, as a sentence; None if nothing is.

    >>> zone_warning("Etc/GMT+3")
    'Etc/GMT+3 is UTC-3 all year: its sign is the reverse of the usual one; name a place, such as Europe/Paris.'
    """
    if offset := _ETC_OFFSET.fullmatch(name):
        if int(offset[2]) == 0:
            return None
        usual = "-" if offset[1] == "+" else "+"
        return (
            f"{name} is UTC{usual}{offset[2]} all year: its sign is the reverse of the usual one; "
            "name a place, such as Europe/Paris."
        )
    if name in _FIXED:
        meant, place = _FIXED[name]
        return f"{name} is {meant} all year, without summer time; name a place, such as {place}."
    if name in _LIKE:
        return f"{name} is an obsolete name, whose rules have changed; name a place, such as {_LIKE[name]}."
    return None


def _refuse(name: str) -> None:
    first, slash, rest = name.partition("/")
    if slash and fold(first) in _OTHER_CLOCKS:
        raise ValueError(f"expected a time zone such as {rest if '/' in rest else 'Europe/Paris'}, without {first}/")
    if fold(name) in _REFUSED:
        raise ValueError(f"expected the name of a place, such as Europe/Paris; {name} differs from machine to machine")


def _read(source: _Source, name: str) -> ZoneInfo | None:
    try:
        file = source.file(name)
        if file is None:
            return None
        with file.open("rb") as content:
            return ZoneInfo.from_file(content, key=name)
    except (OSError, ValueError):  # ValueError: one of the files beside the zones
        return None


def _sources() -> Sequence[_Source]:
    """Return the sources, the newest first; of the same version, the system's."""
    found = [*_of_system(), *_of_package()]
    if not found:
        raise ValueError("this machine has no time zone data; install the package tzdata")
    return sorted(found, key=lambda each: _age(each.data.version), reverse=True)


def _age(version: str | None) -> tuple[int, int, str]:
    """Return what orders versions: 2026f is before 2026g, and 2026z before 2026za."""
    parts = _VERSION.match(version or "")
    return (int(parts[1]), len(parts[2]), parts[2]) if parts else (0, 0, "")


def _of_system() -> Iterator[_Source]:
    for folder in map(Path, zoneinfo.TZPATH):
        if folder.is_dir():
            yield _Source(ZoneData(version=_version_in(folder), source=str(folder)), folder)


def _version_in(folder: Path) -> str | None:
    """Return the version that a folder tells: macOS and BSD have `+VERSION`, Linux the first line of `tzdata.zi`."""
    for name, pattern in (("tzdata.zi", _FIRST_LINE), ("+VERSION", re.compile(r"(\S+)"))):
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as lines:
                found = pattern.match(lines.readline(200))
        except OSError:
            continue
        if found and _VERSION.match(found[1]):
            return found[1]
    return None


def _of_package() -> Iterator[_Source]:
    try:
        package = importlib.import_module("tzdata")
        root = importlib.resources.files(package) / "zoneinfo"
    except ImportError:
        return
    if root.is_dir():
        yield _Source(ZoneData(version=getattr(package, "IANA_VERSION", None), source=PACKAGE), root)


def _nearest(name: str, sources: Sequence[_Source]) -> str | None:
    """Return the zone that `name` is most likely a misspelling of, or a city or an abbreviation of."""
    folded = fold(name).replace(" ", "_")
    if folded in _ABBREVIATIONS:
        return _ABBREVIATIONS[folded]
    known = {each.casefold(): each for each in _names(sources)}
    cities = {each.rpartition("/")[2]: known[each] for each in sorted(known, reverse=True) if "/" in each}
    for spellings in (known, cities):
        if close := get_close_matches(folded, spellings, n=1, cutoff=0.75):
            return spellings[close[0]]
    return None


def _names(sources: Sequence[_Source]) -> Iterator[str]:
    """Yield the names of all zones, and of few other files: which of them are zones, only their content tells."""
    for source in sources:
        yield from _names_in(source.root, "")


def _names_in(folder: Traversable | Path, prefix: str) -> Iterator[str]:
    for each in folder.iterdir():
        if not each.name[:1].isupper():
            continue  # Zones and regions begin with a capital; `right`, `posix` and tables do not.
        if each.is_dir():
            yield from _names_in(each, f"{prefix}{each.name}/")
        else:
            yield f"{prefix}{each.name}"
