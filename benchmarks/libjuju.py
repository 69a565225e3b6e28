"""Deploy ``bundle.yaml`` of a directory with libjuju alone, in one of two ways.

``python benchmarks/libjuju.py bundle|one-by-one DIRECTORY``; `deploy.py` calls it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import yaml
from juju.model import Model


async def deploy(way: str, directory: Path, bundle: dict[str, Any]) -> None:
    """Deploy a bundle as such, or its applications one after the other and then its relations."""
    model = Model()
    await model.connect()
    try:
        if way == "bundle":
            await model.deploy(str(directory), trust=True)
            return
        for name, fields in bundle["applications"].items():
            await model.deploy(
                str(directory / fields["charm"]),
                application_name=name,
                config=dict(fields.get("options") or {}),
                resources=fields.get("resources") or {},
                num_units=fields.get("scale", 1),
                trust=bool(fields.get("trust")),
            )
        for left, right in bundle["relations"]:
            await model.integrate(left, right)
    finally:
        await model.disconnect()


if __name__ == "__main__":
    given = Path(sys.argv[2]).resolve()
    text = (given / "bundle.yaml").read_text(encoding="utf-8")
    asyncio.run(deploy(sys.argv[1], given, yaml.safe_load(text)))
