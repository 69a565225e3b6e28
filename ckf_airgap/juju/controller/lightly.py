"""Import libjuju without waiting for what nothing here uses of it.

``import juju.model`` spends two fifths of its time on a client of Kubernetes, for controllers that
are reached through a forwarded port. It is loaded when somebody makes such a connection. Import
this module before ``juju``.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, Final

_PROXY: Final = "juju.client.proxy.kubernetes.proxy"


class _KubernetesProxy:
    """Stands for libjuju's ``KubernetesProxy``; is made one when it is called."""

    def __new__(cls, *arguments: object, **named: object) -> Any:
        """Return a proxy of libjuju."""
        if sys.modules.get(_PROXY) is _stand_in:
            del sys.modules[_PROXY]
        real = importlib.import_module(_PROXY)
        return real.KubernetesProxy(*arguments, **named)


_stand_in: Final = ModuleType(_PROXY, __doc__)
_stand_in.KubernetesProxy = _KubernetesProxy  # type: ignore[attr-defined]


sys.modules.setdefault(_PROXY, _stand_in)
