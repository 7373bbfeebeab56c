"""What `help` shows of the package: no default argument carries this process's environment, where the token is."""

import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType

import orchestrator


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        yield importlib.import_module(found.name)


def functions(owner: object) -> Iterator[tuple[str, object]]:
    for name, value in vars(owner).items():
        unwrapped = inspect.unwrap(value) if callable(value) else getattr(value, "__func__", value)
        if inspect.isfunction(unwrapped):
            yield name, unwrapped
        elif inspect.isclass(value) and value.__module__.startswith("orchestrator") and value is not owner:
            yield from ((f"{name}.{inner}", each) for inner, each in functions_of_class(value))


def functions_of_class(owner: type) -> Iterator[tuple[str, object]]:
    for name, value in vars(owner).items():
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function):
            yield name, function


def test_no_default_argument_is_the_environment_of_this_process() -> None:
    seen = 0
    for module in modules():
        for name, function in functions(module):
            seen += 1
            for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
                assert parameter.default is not os.environ, f"{module.__name__}.{name}"
                if isinstance(parameter.default, Mapping):
                    assert not parameter.default.keys() & os.environ.keys(), f"{module.__name__}.{name}"
    assert seen > 500
