"""A process that pulls or pushes, for tests that kill it and look at what it leaves.

python carrier.py pull LAYOUT JOBS HOST... -- REFERENCE...
python carrier.py push LAYOUT JOBS HOST... -- SOURCE=TARGET...
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from ckf_airgap.images.reference import ImageReference
from ckf_airgap.logins.credentials import CredentialStore
from ckf_airgap.net.limits import Limits, Policy
from ckf_airgap.transfer.events import ImageResult
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, push
from ckf_airgap.transfer.registry.endpoint import ClientOptions
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.layout import LayoutDirectory


def peak_kib() -> int:
    """Return the peak memory of this program.

    ``ru_maxrss`` would also count the test suite that started it, whose memory a child shares until
    it becomes another program.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])


async def main(command: str, path: Path, jobs: int, hosts: list[str], names: list[str]) -> int:
    options = ClientOptions(
        plain_http=frozenset(hosts), policy=Policy(limits=Limits(jobs=jobs)), trust_env=False
    )
    async with RegistryClient(options, credentials=CredentialStore(())) as client:
        results: list[ImageResult]
        if command == "pull":
            with LayoutDirectory.create(path) as layout:
                results = await pull(client, map(ImageReference.parse, names), layout)
        else:
            pairs = (name.partition("=") for name in names)
            items = [
                PushItem(source=source, target=ImageReference.parse(target))
                for source, _, target in pairs
            ]
            with LayoutDirectory.open(path) as layout:
                results = await push(client, layout, items)
    document = {
        "results": [
            {
                "source": result.source,
                "digest": str(result.digest),
                "status": result.status.value,
                "bytes_sent": result.bytes_sent,
                "error": str(result.error) if result.error else None,
            }
            for result in results
        ],
        "rss_kib": peak_kib(),
    }
    sys.stdout.write(json.dumps(document))
    return 1 if any(result.error for result in results) else 0


if __name__ == "__main__":
    command, path, jobs, *rest = sys.argv[1:]
    mark = rest.index("--")
    sys.exit(asyncio.run(main(command, Path(path), int(jobs), rest[:mark], rest[mark + 1 :])))
