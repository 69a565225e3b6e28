"""Log in on a connection, with a message of its own for each way in which that can fail."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import websockets
from juju.errors import JujuAPIError, JujuError, JujuRedirectException

from ckf_airgap.concurrency import Deadline, timeout
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import (
    MODEL_NOT_FOUND,
    UNAUTHORIZED,
    JujuTimeouts,
    odd_answer,
)
from ckf_airgap.juju.controller.dialling import UnreachableError, dial
from ckf_airgap.juju.controller.directconnection import DirectConnection, server_version, trust
from ckf_airgap.juju.controller.reasons import in_seconds, reason_of
from ckf_airgap.juju.controller.store import StoredController

JUJU_MAJOR: Final = 3
"""The major version of Juju that libjuju can talk to."""

_CUT_DELAYS_S: Final = (0.1, 0.3)
"""Seconds before each further attempt after the connection broke during a login."""

_BREAKS: Final = (OSError, websockets.ConnectionClosed, websockets.InvalidMessage, EOFError)


class ControllerLoginError(ControllerError):
    """A controller was reached, and does not let us in.

    Attributes:
        because: Why, as a clause that follows the controller's name.
        lasting: Whether that does not pass by itself.
        code: The API's error code, if it came from there.
    """

    def __init__(
        self, name: str, because: str, *, fix: str, lasting: bool = False, code: str = ""
    ) -> None:
        super().__init__(f"{name} {because}", fix=fix)
        self.because = because
        self.lasting = lasting
        self.code = code

    @property
    def was_cut(self) -> bool:
        """Whether the connection broke, so that the next attempt may well succeed."""
        cause = self.__cause__
        is_other = isinstance(cause, ssl.SSLError | TimeoutError | JujuError)
        return isinstance(cause, _BREAKS) and not is_other


def trusted(controller: StoredController) -> ssl.SSLContext:
    """Return what verifies the certificate of a controller.

    Raises:
        ControllerError: when the CA in the client store is none.
    """
    try:
        return trust(controller)
    except ssl.SSLError as exc:
        raise ControllerError(
            f"no TLS connection with controller {controller.name} is possible: its ca-cert in "
            f"{controller.juju_data / 'controllers.yaml'} is no PEM certificate",
            fix="Register the controller again, which stores its CA.",
        ) from exc


async def log_in(
    connection: DirectConnection,
    controller: StoredController,
    limits: JujuTimeouts,
    deadline: Deadline,
) -> None:
    """Reach a controller and log in; also to restore a connection that broke.

    Raises:
        UnreachableError: when no address answers.
        ControllerLoginError: when it does not let us in.
        ControllerError: when what answers is no Juju 3.
    """
    for delay_s in (*_CUT_DELAYS_S, None):
        sock, endpoint = await dial(controller, _least(deadline.left_s(limits.connect_s)))
        try:
            with _explained(controller, endpoint):
                async with timeout(_least(deadline.left_s(2 * limits.connect_s))):
                    await connection.open(sock, endpoint)
            break
        except ControllerLoginError as exc:
            if not exc.was_cut or delay_s is None or deadline.is_over:
                raise
            await asyncio.sleep(delay_s)
    version = server_version(connection)
    if version.partition(".")[0] != str(JUJU_MAJOR):
        await connection.close()
        raise ControllerLoginError(
            f"controller {controller.name}",
            f"runs Juju {version}, ckf-airgap needs Juju {JUJU_MAJOR}",
            fix="Use a Juju 3.6 controller; Charmed Kubeflow requires it too.",
            lasting=True,
        )


@contextlib.asynccontextmanager
async def logged_in(
    controller: StoredController,
    limits: JujuTimeouts,
    deadline: Deadline,
    context: ssl.SSLContext,
    model_uuid: str | None = None,
) -> AsyncIterator[DirectConnection]:
    """Open a connection for the block, to the controller or to one of its models.

    Raises:
        ControllerError: as `log_in`.
    """
    connection = DirectConnection(controller, model_uuid, context, limits)
    await log_in(connection, controller, limits, deadline)
    try:
        yield connection
    finally:
        await connection.close()


def why_lost(error: ControllerError) -> str:
    """Return why a connection could not be restored, as a clause that follows "it"."""
    if isinstance(error, ControllerLoginError):
        return f"it {error.because}"
    if isinstance(error, UnreachableError):
        return f"it cannot be reached ({error.because})"
    return error.message


def _least(seconds: float | None) -> float:
    return seconds or 0.001


@contextlib.contextmanager
def _explained(controller: StoredController, endpoint: str) -> Iterator[None]:
    """Turn what fails while logging in into a `ControllerError` that says what to do."""
    name = f"controller {controller.name} at {endpoint}"
    started = time.monotonic()
    file = controller.juju_data / "controllers.yaml"
    try:
        yield
    except ssl.SSLCertVerificationError as exc:
        if controller.ca_cert is None:
            raise ControllerLoginError(
                name,
                f"is not trusted: {file} has no ca-cert for it, and its certificate does not "
                f"verify against the CAs of this system ({exc.verify_message})",
                fix="Register the controller again, which stores its CA, or point --juju-data at a "
                "client store that has it.",
                lasting=True,
            ) from exc
        raise ControllerLoginError(
            name,
            f"is not trusted: its certificate does not verify against the CA in {file} "
            f"({exc.verify_message})",
            fix="Another controller answers there, or it has a new CA: register it again, or "
            "point --juju-data at the client store that belongs to it.",
            lasting=True,
        ) from exc
    except JujuAPIError as exc:
        code = str(exc.error_code or "")
        if code == UNAUTHORIZED:
            raise ControllerLoginError(
                name,
                f"refused the login of user {controller.user}: {exc.message}",
                fix=_login_again(controller),
                lasting=True,
                code=code,
            ) from exc
        raise ControllerLoginError(
            name,
            f"refused the connection: {exc.message}",
            fix="Check the controller: juju status -m controller.",
            lasting=code == MODEL_NOT_FOUND,
            code=code,
        ) from exc
    except JujuRedirectException as exc:
        raise ControllerLoginError(
            name,
            "redirects its clients, which is not supported",
            fix="Register the controller that has the model.",
            lasting=True,
        ) from exc
    except TimeoutError as exc:
        took_s = time.monotonic() - started
        raise ControllerLoginError(
            name,
            f"accepts connections, but login took longer than {in_seconds(took_s)}",
            fix="Check that the address is a Juju controller, and that it is not overloaded.",
        ) from exc
    except ssl.SSLError as exc:
        raise ControllerLoginError(
            name,
            f"does not respond like a Juju controller: {reason_of(exc)}",
            fix="Check that the address is a Juju controller's API port (17070).",
        ) from exc
    except (OSError, websockets.WebSocketException, EOFError) as exc:
        raise ControllerLoginError(
            name,
            f"does not respond like a Juju controller: {reason_of(exc)}",
            fix="Check the address, and whether the controller is starting or stopping.",
        ) from exc
    except JujuError as exc:
        raise ControllerLoginError(
            name, f"refused the connection: {exc.message}", fix=_login_again(controller)
        ) from exc
    except Exception as exc:
        raise odd_answer(name, "the login", exc) from exc


def _login_again(controller: StoredController) -> str:
    name, user = controller.name, controller.user
    if controller.password:
        path = controller.juju_data / "accounts.yaml"
        return f"Correct the password in {path}, or log in again: juju login -c {name}."
    return f"Log in again: juju logout -c {name}, then juju login -c {name} -u {user}."
