"""Rules that concern several keys of a configuration file.

They check the file's content, not the models: pydantic checks several keys together only if each is valid by itself, so
another mistake would hide these.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, tzinfo
from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError

from orchestrator.config.environments import KINDS, LOCATORS, EnvironmentConfig
from orchestrator.config.explain import nearest
from orchestrator.config.sections import BLACKOUT_KINDS, TOKEN_PLACES, BlackoutConfig
from orchestrator.config.telling import KINDS as DESTINATIONS
from orchestrator.config.yaml_source import Path
from orchestrator.domain.durations import format_duration, parse_duration
from orchestrator.domain.plan import Policy
from orchestrator.schedules import Blackouts, DateRange, RepeatedBlackout, load_zone
from orchestrator.text import fold

Finding = tuple[Path, str]

PINGS = ("start", "success", "failure")

_DEFAULT_POLL = {"min": Policy().poll_min, "max": Policy().poll_max}


def broken_rules(content: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the path and the message of every rule that `content` breaks."""
    for path, place in _places(content):
        if isinstance(place, dict):
            yield from _exactly_one(place, TOKEN_PLACES, path, known=TOKEN_PLACES)
    yield from _notices(content)
    default_poll = _mapping(_mapping(content.get("defaults")).get("poll"))
    yield from _poll(default_poll, {}, ("defaults", "poll"))
    environments = list(_environments(content))
    for path, environment in environments:
        yield from _exactly_one(environment, LOCATORS, path, known=EnvironmentConfig.model_fields)
        yield from _services(environment.get("services"), (*path, "services"))
        yield from _poll(_mapping(environment.get("poll")), default_poll, (*path, "poll"))
    yield from _repetitions(environments)
    yield from _blackouts(content)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _places(content: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """Yield everything that says where a secret is."""
    yield ("api", "token"), _mapping(content.get("api")).get("token")
    for index, blocker in enumerate(_list(content.get("blocked_by"))):
        yield ("blocked_by", index, "token"), _mapping(blocker).get("token")
    for index, destination in enumerate(_destinations(content)):
        for kind in DESTINATIONS:
            yield ("notify", "to", index, kind), _mapping(destination).get(kind)
    for key in PINGS:
        yield ("ping", key), _mapping(content.get("ping")).get(key)


def _destinations(content: Mapping[str, Any]) -> list[Any]:
    return _list(_mapping(content.get("notify")).get("to"))


def _notices(content: Mapping[str, Any]) -> Iterator[Finding]:
    for index, destination in enumerate(_destinations(content)):
        if not isinstance(destination, dict):
            continue
        path: Path = ("notify", "to", index)
        given = [kind for kind in DESTINATIONS if kind in destination]
        if len(given) != 1 and not (destination.keys() - set(DESTINATIONS) and not given):
            yield path, f"expected one of {', '.join(DESTINATIONS)}, found {' and '.join(given) or 'an empty mapping'}"
        yield from _needs("apprise", "notify", (*path, "apprise"), if_=given == ["apprise"])
    yield from _needs("prometheus_client", "metrics", ("metrics",), if_="metrics" in content)
    if isinstance(ping := content.get("ping"), dict):
        yield from _ping(ping)


def _ping(ping: Mapping[str, Any]) -> Iterator[Finding]:
    one, several = [key for key in TOKEN_PLACES if key in ping], [key for key in PINGS if key in ping]
    if len(one) > 1 or (one and several):
        yield (
            ("ping",),
            f"expected either env, file, or success with start and failure, found {' and '.join(one + several)}",
        )
    elif several and "success" not in several:
        yield ("ping",), f"expected success, too, which is what must not stay away, found {' and '.join(several)}"
    elif not ping:
        yield ("ping",), "expected either env, file, or success with start and failure, found an empty mapping"


def _needs(package: str, extra: str, path: Path, *, if_: bool) -> Iterator[Finding]:
    if if_ and find_spec(package) is None:
        yield path, f"needs the package {package}, which is not installed: pip install 'qovery-restart[{extra}]'"


def _environments(content: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    environments = content.get("environments")
    for index, environment in enumerate(environments if isinstance(environments, list) else ()):
        if isinstance(environment, dict):
            yield ("environments", index), environment


def _exactly_one(
    section: Mapping[str, Any], keys: tuple[str, str], path: Path, *, known: Collection[str]
) -> Iterator[Finding]:
    given = [key for key in keys if key in section]
    if len(given) == len(keys):
        yield path, f"expected either {' or '.join(keys)}, found both"
    elif not given:
        # A misspelt key is one mistake, reported as an unknown key.
        nothing_else = len(known) == len(keys)
        if not any(nothing_else or nearest(key, known) in keys for key in section.keys() - set(known)):
            yield path, f"expected either {' or '.join(keys)}, found neither"


def _poll(own: Mapping[str, Any], inherited: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    shortest, longest = (_seconds(own.get(key, inherited.get(key, _DEFAULT_POLL[key]))) for key in ("min", "max"))
    if not own or shortest is None or longest is None or shortest <= longest:
        return
    message = "expected min to be at most max"
    for key in _DEFAULT_POLL.keys() - own.keys():  # at most one of the two
        origin = "comes from defaults" if key in inherited else f"is {format_duration(_DEFAULT_POLL[key])}"
        message += f"; {key} is not set here, so it {origin}"
    yield path, message


def _seconds(value: object) -> float | None:
    if isinstance(value, float):
        return value
    try:
        return parse_duration(str(value))
    except ValueError:
        return None


def _services(services: object, path: Path) -> Iterator[Finding]:
    if services == {}:
        yield path, f"expected at least one of {', '.join(KINDS)}, found an empty mapping"
    for kind in KINDS:
        names = _mapping(services).get(kind)
        seen: dict[str, int] = {}
        for index, name in enumerate(names if isinstance(names, list) else ()):
            first = seen.setdefault(fold(name), index) if isinstance(name, str) else index
            if first != index:
                yield (*path, kind, index), f"the same as [{first}]; list each service once"


def _repetitions(environments: Collection[tuple[Path, dict[str, Any]]]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], int] = {}
    for path, environment in environments:
        for key in ("name", *LOCATORS):
            value = environment.get(key)
            if not isinstance(value, str) or not value.strip():
                continue
            compared = "/".join(fold(part) for part in value.split("/")) if key == "path" else fold(value)
            index = int(path[-1])
            first = seen.setdefault((key, compared), index)
            if first != index:
                rule = "names must be unique, ignoring case" if key == "name" else "list each environment once"
                yield (*path, key), f"the same as that of environments[{first}]; {rule}"


def _blackouts(content: Mapping[str, Any]) -> Iterator[Finding]:
    """Check what blackouts consist of, and that they end: by themselves, and together with the others."""
    zone = _zone(_mapping(content.get("schedule")).get("timezone", "UTC"))
    listed = content.get("blackouts")
    valid: list[tuple[Path, DateRange | RepeatedBlackout]] = []
    for index, each in enumerate(listed if isinstance(listed, list) else ()):
        path: Path = ("blackouts", index)
        if not isinstance(each, dict):
            continue
        missing = _blackout_keys(each)
        if missing is not None:
            yield path, missing
            continue
        try:
            valid.append((path, BlackoutConfig.model_validate(each).to_blackout(zone)))
        except ValidationError:
            continue  # Each of its values is reported by itself.
        except ValueError as error:
            yield path, str(error)
    endless = Blackouts([each for _, each in valid]).endless()
    if endless is not None:
        yield valid[endless][0], "this blackout never ends, by itself or with the others: nothing could ever begin"


def _blackout_keys(each: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the keys of a blackout; None if they are one of the two kinds, or misspelt."""
    known = [field.alias or name for name, field in BlackoutConfig.model_fields.items()]
    given = {key for kind in BLACKOUT_KINDS for key in kind if key in each}
    if any(nearest(str(key), known) for key in each.keys() - set(known)):
        return None  # A misspelt key is one mistake, reported as an unknown key.
    kinds = [kind for kind in BLACKOUT_KINDS if given & set(kind)]
    if len(kinds) != 1:
        return f"expected either from and to, or cron and for, found {'both' if kinds else 'neither'}"
    missing = [key for key in kinds[0] if key not in given]
    if missing == ["to"]:
        return "expected to: without it, this blackout never ends"
    return f"expected {missing[0]} beside {next(iter(given & set(kinds[0])))}" if missing else None


def _zone(name: object) -> tzinfo:
    try:
        return load_zone(str(name).strip()).info
    except ValueError:
        return UTC  # The zone is reported by itself.
