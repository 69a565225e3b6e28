"""Deploy Charmed Kubeflow behind an air gap: render, deploy, watch, rehearse.

What programs use is importable from here, and loaded when it is first used::

    from ckf_airgap import Inputs, JujuTarget, deploy, render_release

    rendering = await render_release(Inputs(bundle="1.11"))
    deployment = await deploy(Inputs(bundle="1.11"), JujuTarget(model="kubeflow"))

The pure parts (`render`, `Bundle`, `CharmDirectory`, `ImageReference` ...) need no network and no
event loop; what talks to a controller is asynchronous. ``__init__.pyi`` lists all names.
"""

from __future__ import annotations

_HOMES: dict[str, str] = {}


def _homes() -> dict[str, str]:
    """Return the module of each public name, as the stub lists them.

    The loader reads the stub, for it also knows how when the package lies in a zip file.
    """
    if not _HOMES:
        text = __loader__.get_data(f"{__path__[0]}/__init__.pyi").decode("utf-8")
        for words in map(str.split, text.splitlines()):
            if words[::2] == ["from", "import", "as"]:
                _HOMES[words[5]] = words[1]
    return _HOMES


def __getattr__(name: str) -> object:
    """Import what is asked for; libjuju alone takes a second, which a renderer need not pay."""
    if name == "__all__":
        return list(_homes())
    home = _homes().get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - what needs no name needs no importlib

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(_homes())
