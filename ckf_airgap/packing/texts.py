"""What a pack says to the other side: a page to read, and a script that needs no index."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Final

from ckf_airgap.images.lists import Need
from ckf_airgap.packing.since import Assumes

_INSTALL: Final = """\
#!/bin/sh
# Installs ckf-airgap {version} from the wheels next to this script: no package index, no network.
# It checks the wheels, but nothing checks this script: before you run it, compare the whole pack
# with SHA256SUMS and, if it is signed, SHA256SUMS with its signature (docs/pack.md says how).
set -eu

{{ # one group, so that a script that was cut short is an error and runs nothing

usage="usage: sh install.sh [DIRECTORY]

Installs ckf-airgap {version} into DIRECTORY (by default ~/ckf-airgap): a new or an empty one,
or one that an earlier run made. PYTHON=... names the Python, which must be {python} on {machine}."

case ${{1-}} in
    -h | --help)
        printf '%s\\n' "$usage"
        exit 0
        ;;
    -*)
        printf 'install.sh: there is no option %s\\n%s\\n' "$1" "$usage" >&2
        exit 2
        ;;
esac
if [ $# -gt 1 ] || [ "${{1-default}}" = "" ]; then
    printf 'install.sh: it takes one DIRECTORY\\n%s\\n' "$usage" >&2
    exit 2
fi
target=${{1:-${{HOME:?"is not set: name a DIRECTORY"}}/ckf-airgap}}
python=${{PYTHON:-}}

if [ -z "$python" ]; then
    for candidate in python{python} python3 python; do
        if command -v "$candidate" >/dev/null 2>&1; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "install.sh: there is no Python here; it takes Python {python}" >&2
    exit 1
fi

# -I: nothing is imported from the current directory or from PYTHONPATH.
found=$("$python" -I -c 'import platform, sys; print("%d.%d %s" % (sys.version_info[0],
    sys.version_info[1], platform.machine()))' 2>/dev/null) || found="not a Python 3 that runs"
if [ "$found" != "{python} {machine}" ]; then
    echo "install.sh: the wheels are for Python {python} on {machine}, and $python is $found" >&2
    echo "Name another one with PYTHON=..., or pack with --python and --machine." >&2
    exit 1
fi

"$python" -I - "$0" "$target" {wheels} {version} <<'END_OF_PYTHON'
{installer}END_OF_PYTHON
exit
}}
"""

_README: Final = """\
Charmed Kubeflow for an air gap: {bundle}
{underline}

Made by ckf-airgap {version}, for the registry {registry}.

{check}On a machine behind the gap:

{install}  ckf-airgap verify .                 reads all of it; names what is missing or altered
  ckf-airgap unpack . --to ~          ~/charms, ~/retagged-images.txt and the rest
  ckf-airgap images push {images} --registry {registry}{mapping}
  ckf-airgap deploy ~/{bundle_file}   --charms ~/charms --images ~/retagged-images.txt
{mirrors}
Without ckf-airgap, the usual tools work as well:

  sha256sum -c SHA256SUMS
{join}  mkdir -p ~/charms && tar -xzf charms.tar.gz -C ~/charms
  skopeo copy oci-archive:{images_file}:IMAGE docker://{registry}/...      (or: docker load -i)
  cp {merged} ~                                                    (next to charms/)
  juju deploy ~/{merged} --trust

Files
-----
  SHA256SUMS{pad}checksums of all others{signed}
  ckf-airgap.lock            exactly which charms and images these are
  charms.tar.gz              the charms
  {images_file:<26} the images: an OCI image layout in a tar
  images.txt                 the images as the charms name them
  retagged-images.txt        the same in the private registry
  bundle.yaml, overlay.yaml  the bundle as published, and what changes in it here
  merged-bundle.yaml         both together
{mirrors_file}{left_out}{since}"""

_MIRRORS: Final = """
Before that, put the files of {place} on every node, as its README.txt says: it then finds
images that no option of a charm reaches, such as those that users name in notebooks.
"""

_MIRRORS_FILE: Final = """\
  mirrors/                   what nodes need to find images of public registries in {registry}
"""

_LEFT_OUT: Final = """
This pack holds the images that are {which}:
{carried} of {total}, listed in images.txt.
The overlay and retagged-images.txt name all images of the bundle.{rest}
To check that those of this pack have arrived:

  ckf-airgap images verify images.txt --registry {registry}{mapping}
"""

_REST: Final = """
left-out-images.txt lists the {count} that are missing until another pack brings them:
{what}. To bring them,
pack again with --need {other} --since ckf-airgap.lock."""

_WHICH: Final = {"required": "required to reach active/idle", "later": "used later"}
_OTHERS: Final = {
    "required": ("later", "pods that use them cannot start"),
    "later": ("required", "nothing becomes active without them"),
}
"""By ``--need``, the other half, and what happens without it."""

_CHECK: Final = """\
Check this directory before you run anything in it{key}:

{signature}  sha256sum -c --quiet SHA256SUMS

"""

_SIGNATURE: Final = """\
  base64 -d SHA256SUMS.sig > ~/sig
  openssl pkeyutl -verify -pubin -inkey ~/pub.pem -rawin -in SHA256SUMS -sigfile ~/sig
"""

_SINCE: Final = """
This pack holds only what is new since {assumes}.
It needs that one to be here: its charms in ~/charms, its images in the registry. Both are checked,
and nothing is half-loaded without them. assumes.json lists what was left out:
{charms} charms and {blobs} blobs.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a bundle's images a pack holds.

    Attributes:
        need: Which of them.
        carried: How many these are.
        total: How many the bundle has.
        left_out: How many of the others the pack before it did not bring either.
    """

    need: Need | None
    carried: int
    total: int
    left_out: int


def install_script(*, version: str, python: str, machine: str, wheels: str) -> str:
    """Return ``install.sh``.

    Args:
        version: The version of ckf-airgap.
        python: The Python that the wheels are for, ``3.12``.
        machine: The machine, as ``uname -m`` reports it.
        wheels: The directory of the wheels.
    """
    installer = resources.files(__package__).joinpath("installer.py").read_text(encoding="utf-8")
    return _INSTALL.format(
        version=version, python=python, machine=machine, wheels=wheels, installer=installer
    )


def readme(
    *,
    bundle: str,
    version: str,
    registry: str,
    images: str,
    split: bool,
    tool: bool,
    mapping: bool,
    mirrors: bool,
    signed: bool,
    assumes: Assumes | None,
    share: Share,
) -> str:
    """Return the page for the other side.

    Args:
        bundle: What the bundle is called.
        version: The version of ckf-airgap.
        registry: The private registry.
        images: The archive of images.
        split: Whether it was cut into parts.
        tool: Whether ckf-airgap itself is carried.
        mapping: Whether a mapping says where images go.
        mirrors: Whether it has mirrors for nodes.
        signed: Whether the checksums are signed.
        assumes: What is taken to be there already.
        share: How much of the bundle's images it holds.
    """
    at_mapping = " --mapping ~/retag-mapping.yaml" if mapping else ""
    title = f"Charmed Kubeflow for an air gap: {bundle}"
    install = "  sh install.sh ~/ckf-airgap && PATH=~/ckf-airgap/bin:$PATH\n" if tool else ""
    check = _CHECK.format(
        key=" (the key must not come with the pack)" if signed else "",
        signature=_SIGNATURE if signed else "",
    )
    since = ""
    if assumes is not None:
        since = _SINCE.format(assumes=assumes, charms=len(assumes.charms), blobs=len(assumes.blobs))
    return _README.format(
        bundle=bundle,
        underline="=" * len(title),
        version=version,
        registry=registry,
        images=f"~/{images}" if split else images,
        images_file=images,
        bundle_file="bundle.yaml",
        mirrors=_MIRRORS.format(place="~/mirrors") if mirrors else "",
        mirrors_file=_MIRRORS_FILE.format(registry=registry) if mirrors else "",
        merged="merged-bundle.yaml",
        mapping=at_mapping,
        check=check if tool else "",
        install=install,
        join=f"  cat {images}.* > {images}\n" if split else "",
        pad=" " * 17,
        signed=", signed in SHA256SUMS.sig" if signed else "",
        left_out=_left_out(share, registry, at_mapping),
        since=since,
    )


def _left_out(share: Share, registry: str, mapping: str) -> str:
    """Return what a pack of some images says about the others."""
    if share.need in (None, "all"):
        return ""
    other, what = _OTHERS[share.need]
    count = share.left_out
    rest = _REST.format(count=count, what=what, other=other) if count else ""
    return _LEFT_OUT.format(
        which=_WHICH[share.need],
        carried=share.carried,
        total=share.total,
        rest=rest,
        registry=registry,
        mapping=mapping,
    )
