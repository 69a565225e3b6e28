from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.bundle.constraints import parse_constraints, parse_device, parse_storage
from ckf_airgap.errors import BundleError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ("mem=2G", {"mem": 2048}),
        ("mem=1.5G", {"mem": 1536}),
        ("mem=0.3M", {"mem": 1}),
        ("mem=512", {"mem": 512}),
        ("mem=.5T", {"mem": 524288}),
        ("root-disk=1P", {"root-disk": 1024**3}),
        ("cores=2 cpu-power=100", {"cores": 2, "cpu-power": 100}),
        ("cpu-cores=4", {"cores": 4}),
        ("arch=arm64", {"arch": "arm64"}),
        ("tags=a,^b,c zones=z1", {"tags": ["a", "^b", "c"], "zones": ["z1"]}),
        ("tags=", {"tags": []}),
        ("allocate-public-ip=true", {"allocate-public-ip": True}),
        ("allocate-public-ip=1", {"allocate-public-ip": True}),
        ("allocate-public-ip=F", {"allocate-public-ip": False}),
        ("allocate-public-ip=", {}),
        ("mem=+1", {"mem": 1}),
        ("mem=1e3", {"mem": 1000}),
        ("mem=1_000G", {"mem": 1_024_000}),
        ("mem=0x1p4", {"mem": 16}),
        ("\tmem=1G ", {"mem": 1024}),
        (r"tags=a\ b,c", {"tags": ["a b", "c"]}),
        ("container=none spaces=a,^b-c", {"container": "none", "spaces": ["a", "^b-c"]}),
        ("cores=18446744073709551615", {"cores": 2**64 - 1}),
        (
            "instance-type=m5.large root-disk-source=x=y",
            {"instance-type": "m5.large", "root-disk-source": "x=y"},
        ),
    ],
)
def test_constraints_become_the_object_of_the_api(text: str, expected: dict[str, object]) -> None:
    assert parse_constraints(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mem", 'malformed constraint "mem"'),
        ("=2", 'malformed constraint "=2"'),
        ("memory=2G", 'unknown constraint "memory"'),
        ("mem=2G mem=3G", 'bad "mem" constraint: already set'),
        ("cores=1 cpu-cores=1", 'bad "cores" constraint: already set'),
        ("mem=-1", 'bad "mem" constraint: must be a non-negative float with optional M/G/T/P'),
        ("mem=2GB", 'bad "mem" constraint: must be a non-negative float'),
        ("mem=G", 'bad "mem" constraint: must be a non-negative float'),
        ("mem=nan", 'bad "mem" constraint: must be a non-negative float'),
        ("cores=1.5", 'bad "cores" constraint: must be a non-negative integer'),
        ("cores=18446744073709551616", 'bad "cores" constraint: must be a non-negative integer'),
        ("cores=+1", 'bad "cores" constraint: must be a non-negative integer'),
        ("mem=1__0", 'bad "mem" constraint: must be a non-negative float'),
        ("mem=1e400", 'bad "mem" constraint: must be a non-negative float'),
        ("mem=1G\tcores=2", 'bad "mem" constraint: must be a non-negative float'),
        ("mem=1G\ncores=2", 'bad "mem" constraint: must be a non-negative float'),
        ("container=foo", 'bad "container" constraint: invalid container type "foo"'),
        ("spaces=A_b", 'bad "spaces" constraint: "A_b" is not a valid space name'),
        ("spaces=a,", 'bad "spaces" constraint: "" is not a valid space name'),
        ("arch=i486", 'bad "arch" constraint: "i486" not recognized'),
        ("allocate-public-ip=yes", "must be 'true' or 'false'"),
    ],
)
def test_wrong_constraints_are_told_in_the_words_of_juju(text: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        parse_constraints(text)
    assert message in str(caught.value)


@given(
    number=st.decimals(min_value=0, max_value=4096, places=2),
    unit=st.sampled_from(["M", "G", "T", "P"]),
)
def test_sizes_are_whole_mebibytes_never_below_what_was_asked(number: object, unit: str) -> None:
    mib = parse_constraints(f"mem={number}{unit}")["mem"]
    asked = float(str(number)) * {"M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}[unit]
    assert isinstance(mib, int)
    assert asked <= mib < asked + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10G", {"Size": 10240, "Count": 1}),
        ("kubernetes,2,1.5G", {"Pool": "kubernetes", "Count": 2, "Size": 1536}),
        ("1GiB", {"Size": 1024, "Count": 1}),
        ("fast-ssd", {"Pool": "fast-ssd", "Count": 1}),
    ],
)
def test_storage_directives(text: str, expected: dict[str, object]) -> None:
    assert parse_storage(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,10G", 'parsing storage count: count must be greater than zero, got "0"'),
        ("-1", 'parsing storage count: count must be greater than zero, got "-1"'),
        ("a,b", 'pool name is already set to "a", new value "b" not valid'),
        ("10G,5G", "storage size is already set to 10240, new value 5120 not valid"),
        ("2,2", "storage instance count is already set to 2, new value 2 not valid"),
        ("10X!", 'unrecognized storage constraint "10X!" not valid'),
        ("99999999999999999999", 'unrecognized storage constraint "99999999999999999999"'),
        ("-1.5G", 'cannot parse size: expected a non-negative number, got "-1.5G"'),
        ("", "storage constraints require at least one field to be specified"),
        (",,", "storage constraints require at least one field to be specified"),
        ("0G", "storage constraints require at least one field to be specified"),
    ],
)
def test_wrong_storage_directives_are_told_in_the_words_of_juju(text: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        parse_storage(text)
    assert message in str(caught.value)


def test_device_directives() -> None:
    assert parse_device("2,nvidia.com/gpu,model=a100;mem=40G") == {
        "Type": "nvidia.com/gpu",
        "Count": 2,
        "Attributes": {"model": "a100", "mem": "40G"},
    }
    assert parse_device("gpu") == {"Type": "gpu", "Count": 1, "Attributes": {}}
    assert parse_device("+1,gpu") == {"Type": "gpu", "Count": 1, "Attributes": {}}
    assert parse_device("2,1,=a") == {"Type": "1", "Count": 2, "Attributes": {"": "a"}}
    assert parse_device("1") == {"Type": "1", "Count": 1, "Attributes": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu,", 'count must be greater than zero, got "gpu"'),
        ("0,gpu", 'count must be greater than zero, got "0"'),
        ("1_0,gpu", 'count must be greater than zero, got "1_0"'),
        ("9223372036854775808,gpu", "count must be greater than zero"),
        ("1,gpu,", 'device attribute key/value pair has bad format: ""'),
        ("1,gpu,a=b;", 'device attribute key/value pair has bad format: ""'),
        ("1,gpu,a=b=c", 'device attribute key/value pair has bad format: "a=b=c"'),
        ("1,gpu,a=b,c=d", "cannot parse device constraints string, supported format is"),
    ],
)
def test_wrong_device_directives_are_told_in_the_words_of_juju(text: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        parse_device(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 5000])
def test_numbers_without_end_are_refused_as_others(digits: str) -> None:
    for text in (f"cores={digits}", f"mem={digits}" if len(digits) > 400 else f"cores={digits}"):
        with pytest.raises(BundleError, match="must be a non-negative"):
            parse_constraints(text)
    with pytest.raises(BundleError, match="must be a non-negative float"):
        parse_constraints(f"mem=0x1p{digits[:300]}")
    with pytest.raises(BundleError, match="unrecognized storage constraint"):
        parse_storage(digits)
    with pytest.raises(BundleError, match="count must be greater than zero"):
        parse_storage(f"-{digits}")
    with pytest.raises(BundleError, match="expected a non-negative number"):
        parse_storage(f"{digits}M")
    with pytest.raises(BundleError, match="count must be greater than zero"):
        parse_device(f"{digits},gpu")
    assert parse_constraints(f"cores={'0' * 5000}7") == {"cores": 7}
