"""Which zone data is read, and which zones are."""

import importlib
import importlib.resources
import sys
import types
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.schedules import ZoneData, load_zone, zone_data, zone_warning, zones
from orchestrator.schedules.zones import PACKAGE

NOVEMBER = datetime(2026, 11, 25, tzinfo=UTC)


tzdata = importlib.import_module("tzdata")  # It has no types.
DATA = Path(str(tzdata.__file__)).parent / "zoneinfo"


def system(folder: Path, *, version: str | None, at: str = "tzdata.zi", known: dict[str, str] | None = None) -> Path:
    """A folder of the system's: `known` says as which zone of the package each of its files reads."""
    for name, like in (known or {"Europe/Paris": "Europe/Paris"}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((DATA / like).read_bytes())
    if version is not None:
        text = f"# version {version}\n# more\n" if at == "tzdata.zi" else f"{version}\n"
        (folder / at).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def tzpath(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder in which the system's data is looked for; it does not exist yet."""
    folder = tmp_path / "zoneinfo"
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path / "nowhere"), str(folder)))
    return folder


@pytest.mark.parametrize("at", ["tzdata.zi", "+VERSION"])
@pytest.mark.parametrize(
    ("version", "newer"),
    [
        pytest.param("2025b", False, id="older"),
        pytest.param("2099a", True, id="newer"),
        pytest.param("2099a-rearguard", True, id="newer, with a suffix"),
        pytest.param(None, False, id="unknown"),
        pytest.param("nonsense", False, id="no version"),
    ],
)
def test_the_newer_data_is_read(tzpath: Path, at: str, version: str | None, newer: bool) -> None:
    system(tzpath, version=version, at=at, known={"Africa/Casablanca": "Africa/Lagos"})
    zone = load_zone("Africa/Casablanca")
    expected = ZoneData(version=version, source=str(tzpath)) if newer else zone.data
    assert zone.data == zone_data() == expected
    assert (zone.data.source == PACKAGE) is not newer
    assert NOVEMBER.astimezone(zone.info).utcoffset() == timedelta(hours=1 if newer else 0)
    assert zone.info.key == "Africa/Casablanca"


def test_of_the_same_version_the_system_s_is_read(tzpath: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tzdata, "IANA_VERSION", "2026c")
    system(tzpath, version="2026c")
    assert zone_data() == ZoneData(version="2026c", source=str(tzpath))


def test_after_z_comes_za(tzpath: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tzdata, "IANA_VERSION", "2026z")
    system(tzpath, version="2026za")
    assert zone_data().version == "2026za"


def test_what_the_newer_data_does_not_have_comes_from_the_other(tzpath: Path) -> None:
    system(tzpath, version="2099a")
    assert load_zone("US/Eastern").data.source == PACKAGE
    assert load_zone("Europe/Paris").data.source == str(tzpath)


def test_data_that_is_updated_meanwhile_is_noticed(tzpath: Path) -> None:
    assert zone_data().source == PACKAGE
    system(tzpath, version="2099a")
    assert zone_data().version == "2099a"
    system(tzpath, version="2099b")
    assert load_zone("Europe/Paris").data.version == "2099b"


def test_without_the_package_the_system_s_data_is_read(tzpath: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tzdata", None)
    system(tzpath, version=None)
    assert str(load_zone("Europe/Paris").data) == f"of unknown version ({tzpath})"


def test_a_package_without_data_is_none(tzpath: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    empty = types.ModuleType("tzdata")
    empty.__path__ = [str(tmp_path / "empty")]
    monkeypatch.setitem(sys.modules, "tzdata", empty)
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path / "empty")
    system(tzpath, version="2025b")
    assert zone_data().source == str(tzpath)


def test_without_any_data_the_message_says_what_to_install(tzpath: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not tzpath.exists()
    monkeypatch.setitem(sys.modules, "tzdata", None)
    for ask in (zone_data, lambda: load_zone("Europe/Paris")):
        with pytest.raises(ValueError, match="no time zone data; install the package tzdata"):
            ask()


def test_a_damaged_file_is_read_from_the_other_source(tzpath: Path) -> None:
    system(tzpath, version="2099a")
    (tzpath / "Europe/Paris").write_bytes(b"not a zone")
    assert load_zone("Europe/Paris").data.source == PACKAGE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("", "such as Europe/Paris", id="nothing"),
        pytest.param("Europe/Pariss", "such as Europe/Paris", id="a slip"),
        pytest.param("europe/lisbon", "such as Europe/Lisbon", id="another case"),
        pytest.param("Lisbon", "such as Europe/Lisbon", id="a city"),
        pytest.param("Buenos Aires", "such as America/Buenos_Aires", id="a city of two words"),
        pytest.param("America/Argentina", "such as America/", id="a region"),
        pytest.param("PST", "such as America/Los_Angeles", id="an abbreviation"),
        pytest.param("CEST", "such as Europe/Paris", id="an abbreviation of summer time"),
        pytest.param("+02:00", "such as Europe/Paris", id="an offset"),
        pytest.param("../Europe/Paris", "such as Europe/Paris", id="out of the folder"),
        pytest.param("/etc/localtime", "such as Europe/Paris", id="an absolute path"),
        pytest.param("Europe\0Paris", "such as Europe/Paris", id="a null character"),
        pytest.param("zone.tab", "such as Europe/Paris", id="a table"),
        pytest.param("leapseconds", "such as Europe/Paris", id="leap seconds"),
        pytest.param("right/Europe/Lisbon", "such as Europe/Lisbon, without right/", id="leap seconds counted"),
        pytest.param("posix/Europe/Lisbon", "such as Europe/Lisbon, without posix/", id="posix"),
        pytest.param("posix/UTC", "such as Europe/Paris, without posix/", id="posix, no place"),
        pytest.param("Factory", "Factory differs from machine to machine", id="factory"),
        pytest.param("localtime", "localtime differs from machine to machine", id="localtime"),
        pytest.param("posixrules", "posixrules differs from machine to machine", id="posixrules"),
    ],
)
def test_what_is_no_zone_to_follow_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        load_zone(name)
    assert message in str(caught.value)


def test_every_zone_is_read() -> None:
    names = zoneinfo.available_timezones() - {"Factory", "localtime"}
    assert len(names) > 400
    assert [load_zone(name).info.key for name in sorted(names)] == sorted(names)


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        pytest.param("Etc/GMT+3", "is UTC-3 all year: its sign is the reverse", id="Etc/GMT+3"),
        pytest.param("Etc/GMT-14", "is UTC+14 all year: its sign is the reverse", id="Etc/GMT-14"),
        pytest.param("EST", "is UTC-5 all year, without summer time; name a place, such as America/New_York", id="EST"),
        pytest.param("HST", "is UTC-10 all year", id="HST"),
        pytest.param(
            "MST7MDT", "obsolete name, whose rules have changed; name a place, such as America/Denver", id="MST"
        ),
        pytest.param("CET", "such as Europe/Brussels", id="CET"),
    ],
)
def test_a_name_that_hardly_means_what_it_says_is_warned_of(name: str, warning: str) -> None:
    assert warning in (zone_warning(name) or "")


@pytest.mark.parametrize("name", ["Europe/Paris", "UTC", "Etc/UTC", "Etc/GMT", "Etc/GMT+0", "Etc/GMT-0", "US/Eastern"])
def test_other_names_are_not(name: str) -> None:
    assert zone_warning(name) is None


@pytest.mark.parametrize(
    ("name", "instead"), [*zones._LIKE.items(), *((name, two[1]) for name, two in zones._FIXED.items())]
)
def test_names_that_are_warned_of_exist_and_so_do_those_that_are_named_instead(name: str, instead: str) -> None:
    assert [load_zone(each).name for each in (name, instead)] == [name, instead]


@pytest.mark.parametrize("name", sorted(set(zones._ABBREVIATIONS.values())))
def test_zones_that_are_suggested_for_abbreviations_exist(name: str) -> None:
    assert load_zone(name).name == name
