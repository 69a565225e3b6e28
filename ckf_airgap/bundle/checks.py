"""What an overlay or the user changes in a bundle, checked against the bundle and its charms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.merge import merge, without_strays
from ckf_airgap.bundle.optionvalues import convert, trust_of
from ckf_airgap.charms.charm import Charm, OptionValue
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError, Problem, UsageError, nearest, raise_all

APPLICATION_OPTIONS: Final = frozenset(
    {
        "trust",
        "juju-external-hostname",
        "juju-application-path",
        *(
            f"kubernetes-{name}"
            for name in (
                "service-type",
                "service-annotations",
                "service-external-ips",
                "service-target-port",
                "service-loadbalancer-ip",
                "service-loadbalancer-sourceranges",
                "service-externalname",
                "ingress-class",
                "ingress-ssl-redirect",
                "ingress-ssl-passthrough",
                "ingress-allow-http",
            )
        ),
    }
)
"""Options that Juju itself gives every application on Kubernetes (its caas application config)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An option value that the user gives: ``APP.OPTION=VALUE``."""

    application: str
    option: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Return a text as a setting: the first ``=`` ends the name, its first dot the application.

        Option names may have dots (``knative-serving.istio.gateway.name=x``), application names
        cannot.

        Raises:
            UsageError: when the text does not have this form.
        """
        name, equals, value = text.partition("=")
        application, dot, option = name.partition(".")
        if not (equals and dot and application and option):
            raise UsageError(
                f"{text!r} is not a setting",
                fix="Write APP.OPTION=VALUE, such as "
                "istio-ingressgateway.gateway_service_type=NodePort.",
            )
        return cls(application=application, option=option, value=value)

    def __str__(self) -> str:
        """Return ``APP.OPTION``; the value may be a secret."""
        return f"{self.application}.{self.option}"


def with_overlays(
    bundle: Bundle, overlays: Sequence[Document], names: Sequence[str] = ()
) -> tuple[Bundle, list[Problem]]:
    """Return the bundle with its overlays, and a problem for each application that they mistype.

    Args:
        bundle: The bundle.
        overlays: The overlays.
        names: What each overlay is called in messages, such as its file.

    Raises:
        BundleError: when an overlay breaks the bundle; it includes those problems.
    """
    kept, problems = without_strays(bundle.document, overlays, names)
    try:
        found = merge(bundle.document, kept, names)
        merged = Bundle.from_document(
            found.document,
            where="with its overlays",
            directory=bundle.directory,
            warnings=[*bundle.warnings, *found.ignored],
        )
    except BundleError as exc:
        raise BundleError(exc.message, problems=[*problems, *exc.problems], fix=exc.fix) from exc
    return merged, problems


def overlaid(bundle: Bundle, overlays: Sequence[Document], names: Sequence[str] = ()) -> Bundle:
    """Return the bundle with its overlays; see `with_overlays`.

    Raises:
        BundleError: when an overlay breaks the bundle, or is for an application that it lacks.
    """
    merged, problems = with_overlays(bundle, overlays, names)
    raise_all(BundleError, "overlays do not fit the bundle", problems)
    return merged


def document_of_settings(
    settings: Iterable[Setting], bundle: Bundle, charms: Mapping[str, Charm]
) -> tuple[Document, list[Problem]]:
    """Return the overlay that the settings stand for, and what is wrong with them.

    Args:
        settings: The settings; of two for one option the last one counts.
        bundle: The bundle they are applied to.
        charms: The charm of each application.
    """
    applications: dict[str, JSONValue] = {}
    problems = []
    for setting in settings:
        if setting.application not in bundle.applications:
            known = nearest(setting.application, bundle.applications)
            problems.append(
                Problem(f"there is no application {setting.application}", f"--set {setting}", known)
            )
            continue
        problem, value = _checked(charms[setting.application], setting.option, setting.value)
        if problem is not None:
            problems.append(Problem(problem.what, f"--set {setting}", problem.fix))
            continue
        entry = applications.setdefault(setting.application, {"options": {}})
        assert isinstance(entry, dict)  # noqa: S101
        options = entry["options"]
        assert isinstance(options, dict)  # noqa: S101
        options[setting.option] = value
    return {"applications": applications} if applications else {}, problems


def option_problems(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a problem for each option that its charm lacks, or whose value has another type."""
    problems = []
    for name, application in bundle.applications.items():
        for option, value in application.options.items():
            problem, _ = _checked(charms[name], option, value)
            if problem is not None:
                where = f"application {name}, option {option}"
                problems.append(Problem(problem.what, where, problem.fix))
    return problems


def resource_problems(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a problem for each resource of the bundle that its charm does not declare."""
    return [
        Problem(
            f"charm {charms[name].name} has no such resource",
            f"application {name}, resource {resource}",
            nearest(resource, charms[name].resources),
        )
        for name, application in bundle.applications.items()
        for resource in application.resources
        if resource not in charms[name].resources
    ]


def _own(name: str, value: OptionValue) -> Problem | None:
    """Return what is wrong with the value of an option of Juju's own."""
    if name != "trust":
        return None
    try:
        trust_of(value)
    except ValueError as exc:
        return Problem(str(exc), fix="write trust: true beside charm")
    return None


def _checked(charm: Charm, name: str, value: OptionValue) -> tuple[Problem | None, OptionValue]:
    if name in APPLICATION_OPTIONS:
        return _own(name, value), value
    option = charm.options.get(name)
    if option is None:
        what = f"charm {charm.name} has no option {name}"
        return Problem(what, fix=nearest(name, charm.options)), value
    try:
        return None, convert(option, value)
    except ValueError as exc:
        return Problem(str(exc)), value
