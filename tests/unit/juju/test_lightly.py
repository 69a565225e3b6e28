"""libjuju is imported without its client of Kubernetes, which is there all the same."""

import subprocess
import sys

LIGHT = """
import ckf_airgap.juju.controller.connection
import sys
print("kubernetes" in sys.modules)
from juju.client.proxy.factory import proxy_from_config
proxy = proxy_from_config({"type": "kubernetes-port-forward", "config": {
    "api-host": "https://127.0.0.1:1", "namespace": "controller-x", "remote-port": "17070",
    "service": "controller-service", "service-account-token": "t"}})
print(type(proxy).__module__, type(proxy).__name__, "kubernetes" in sys.modules)
"""


def test_the_client_of_kubernetes_is_loaded_only_when_somebody_connects_with_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert done == ["False", "juju.client.proxy.kubernetes.proxy KubernetesProxy True"]


def test_a_proxy_that_was_imported_before_stays_as_it_is() -> None:
    text = (
        "import juju.client.proxy.factory as factory\n"
        "before = factory.KubernetesProxy\n"
        "import ckf_airgap.juju.controller.connection\n"
        "import juju.client.proxy.kubernetes.proxy as proxy\n"
        "print(proxy.KubernetesProxy is before)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
