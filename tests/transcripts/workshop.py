"""The files that the commands of the scenes name: small charms, a bundle, a plan, a script.

They are the same bytes each time and on each machine, so that the digests in recorded requests
hold for bodies that are made anew.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

_WHEN: Final = (2026, 1, 1, 0, 0, 0)

_BASES: Final = [{"name": "ubuntu", "channel": "22.04", "architectures": ["amd64"]}]

_STORE: Final[Mapping[str, Any]] = {
    "metadata.yaml": {
        "name": "store",
        "summary": "Keeps objects",
        "description": "Keeps objects for web.",
        "provides": {"objects": {"interface": "object-storage"}},
        "resources": {
            "image": {"type": "oci-image", "description": "What the workload runs"},
            "notes": {"type": "file", "filename": "notes.txt", "description": "A file"},
        },
        "containers": {
            "store": {"resource": "image", "mounts": [{"storage": "data", "location": "/data"}]}
        },
        "storage": {"data": {"type": "filesystem", "location": "/data", "minimum-size": "1G"}},
    },
    "config.yaml": {
        "options": {
            "port": {"type": "int", "default": 9000, "description": "Where it listens"},
            "label": {"type": "string", "description": "A text"},
        }
    },
    "actions.yaml": {
        "backup": {
            "description": "Write a backup",
            "params": {"to": {"type": "string", "description": "Where to"}},
        },
        "restore": {"description": "Read a backup"},
    },
}

_WEB: Final[Mapping[str, Any]] = {
    "metadata.yaml": {
        "name": "web",
        "summary": "Shows objects",
        "description": "Shows what the store keeps.",
        "requires": {"objects": {"interface": "object-storage"}},
        "provides": {"site": {"interface": "http"}},
    },
}

_BUNDLE: Final[Mapping[str, Any]] = {
    "bundle": "kubernetes",
    "applications": {
        "store": {
            "charm": "./store.charm",
            "base": "ubuntu@22.04/stable",
            "scale": 1,
            "options": {"port": 9001},
            "resources": {"image": "registry.example/store:1", "notes": "./notes.txt"},
        },
        "web": {"charm": "./web.charm", "base": "ubuntu@22.04/stable", "scale": 1},
    },
    "relations": [["store:objects", "web:objects"]],
}

_TEXTS: Final[Mapping[str, str]] = {
    "notes.txt": "notes\n",
    "more-notes.txt": "more notes\n",
    "settings.yaml": yaml.safe_dump({"store": {"port": 9002}}),
    "overlay.yaml": yaml.safe_dump({"applications": {"store": {"options": {"label": "overlaid"}}}}),
    "secret.yaml": yaml.safe_dump({"user": "store", "passphrase": "swordfish"}),
    "model.yaml": yaml.safe_dump({"update-status-hook-interval": "10m"}),
    "cloud.yaml": yaml.safe_dump(
        {
            "clouds": {
                "lab": {
                    "type": "kubernetes",
                    "auth-types": ["oauth2"],
                    "endpoint": "https://lab.example",
                }
            }
        }
    ),
    "credential.yaml": yaml.safe_dump(
        {"credentials": {"k8s": {"robot": {"auth-type": "oauth2", "Token": "a-token"}}}}
    ),
    "kubeconfig": yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "clusters": []}),
    "id.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me\n",
}


def furnish(directory: Path) -> None:
    """Write the files into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_charm(directory / "store.charm", _STORE)
    _write_charm(directory / "store-2.charm", {**_STORE, "revision": "2\n"})
    _write_charm(directory / "web.charm", _WEB)
    (directory / "bundle.yaml").write_text(yaml.safe_dump(dict(_BUNDLE)))
    for name, text in _TEXTS.items():
        (directory / name).write_text(text)


def stock(directory: Path) -> Path:
    """Write the charms of a charm store into a directory; return it."""
    directory.mkdir(parents=True)
    for revision in (1, 2):
        _write_charm(directory / f"store_r{revision}.charm", _STORE)
        (directory / f"resource_notes_r{revision}_notes.txt").write_text(f"notes {revision}\n")
    _write_charm(directory / "web.charm", _WEB)
    return directory


def bodies(directory: Path) -> dict[bytes, str]:
    """Return the name of each file of a furnished directory by its content."""
    return {path.read_bytes(): path.name for path in sorted(directory.iterdir()) if path.is_file()}


def _write_charm(path: Path, members: Mapping[str, Any]) -> None:
    members = {
        **members,
        "manifest.yaml": {"bases": _BASES},
        "dispatch": "#!/bin/sh\nstatus-set active\n",
    }
    # stored, since compressed bytes differ between versions of zlib
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            text = content if isinstance(content, str) else yaml.safe_dump(content)
            info = zipfile.ZipInfo(name, _WHEN)
            info.external_attr = (0o755 if name == "dispatch" else 0o644) << 16
            archive.writestr(info, text)
