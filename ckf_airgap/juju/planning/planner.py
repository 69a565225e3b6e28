"""Compare a bundle with a model and plan the missing steps. Pure; all problems are found first.

Nothing of a bundle is deployed while anything in it is known to be wrong: options are checked
against the charms, relations are resolved to endpoints, each image resource must have a value,
each application must have a base, and each charm file must have what the controller reads of it.
The controller would find these one by one, halfway through.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ckf_airgap.bundle.bases import choose_base
from ckf_airgap.bundle.bundle import Application, Bundle, Relation
from ckf_airgap.bundle.checks import APPLICATION_OPTIONS, option_problems, resource_problems
from ckf_airgap.bundle.constraints import (
    architecture_of,
    parse_constraints,
    parse_device,
    parse_storage,
)
from ckf_airgap.bundle.endpoints import resolve_relations
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import BundleError, CharmError, Problem, RefusedError, nearest, raise_all
from ckf_airgap.juju.planning.changes import changes_of
from ckf_airgap.juju.planning.identity import WantedIdentity, compare
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer, offer_problems, offer_steps
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.requirements import (
    assumption_problems,
    binding_problems,
    device_problems,
    exposure_problems,
    layout_problems,
    storage_problems,
)
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    ApplicationStep,
    DeployApplication,
    Expose,
    ResourceUpload,
    UploadCharm,
)
from ckf_airgap.juju.planning.values import option_text


def plan_deployment(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    live: LiveModel,
    identities: Mapping[str, WantedIdentity] | None = None,
) -> Plan:
    """Return the steps that make the model match the bundle.

    An application that is in the model with the same charm is not deployed again: its options,
    constraints, scale and exposure are changed where the bundle sets them. What the model has
    beyond the bundle stays. Charms and resources are not replaced: an application that has others
    than the bundle gives it is refused, since options of one release on charms of another would be
    worse than either.

    Args:
        bundle: The merged bundle; every option and resource has its final value.
        charms: The charm of each application.
        live: What the model has.
        identities: The charms and resources that the bundle gives to applications of the model;
            without it, they are not compared.

    Raises:
        BundleError: with all problems; see the module.
        RefusedError: when applications of the model have other charms or resources than those of
            the bundle, or lack options that it sets; lists every difference.
    """
    planner = _Planner(bundle, charms, live, identities or {})
    plan = planner.plan()
    if planner.problems:
        raise BundleError(
            f"the bundle cannot be deployed into model {live.name}", problems=planner.problems
        )
    raise_all(
        RefusedError,
        f"model {live.name} has applications whose charms or resources differ from the bundle; "
        "nothing was changed",
        planner.differences,
        fix="Upgrading in place comes with a later version of ckf-airgap. Until then, change them "
        "by hand (juju refresh, juju attach-resource), or deploy into another model.",
    )
    return plan


class _Planner:
    """Gathers steps and problems."""

    def __init__(
        self,
        bundle: Bundle,
        charms: Mapping[str, Charm],
        live: LiveModel,
        identities: Mapping[str, WantedIdentity],
    ) -> None:
        self.bundle = bundle
        self.charms = {name: charms[name] for name in bundle.applications if name in charms}
        self.live = live
        self.identities = identities
        self.differences: list[Problem] = []
        self.unknown: dict[str, tuple[str, ...]] = {}
        saas = bundle.document.get("saas")
        self._saas = tuple(saas) if isinstance(saas, dict) else ()
        known = dataclasses.replace(
            bundle, applications={name: bundle.applications[name] for name in self.charms}
        )
        self.problems: list[Problem] = [
            *option_problems(known, self.charms),
            *resource_problems(known, self.charms),
        ]

    def plan(self) -> Plan:
        deploys: list[DeployApplication] = []
        changes: list[ApplicationStep] = []
        unchanged: list[str] = []
        for application in self.bundle.applications.values():
            charm = self.charms.get(application.name)
            if charm is None:
                self.wrong(application, "no charm was given for it", "add its .charm file")
                continue
            self._note(
                application, offer_problems(application, charm, self.live.offers, self.live.users)
            )
            present = self.live.applications.get(application.name)
            options = self._options(application, charm)
            constraints = self._parsed(application, "constraints", parse_constraints)
            if present is None:
                step = self._deploy(application, charm, options, constraints)
                deploys += [step] if step is not None else []
                continue
            if present.charm != charm.name:
                self.wrong(
                    application,
                    f"model {self.live.name} has an application of that name with another charm: "
                    f"{present.charm}, not {charm.name}",
                    "remove it, deploy into another model, or rename it in the bundle",
                )
                continue
            self._compare(application, charm, present, options)
            needed = list(changes_of(application, present, options, constraints))
            if any(isinstance(step, Expose) for step in needed):
                self._note(
                    application,
                    exposure_problems(application, charm, {**present.own_options, **options}),
                )
            changes += needed
            unchanged += [] if needed else [application.name]
        self._refuse_saas()
        relations, kept = self._relations()
        return Plan(
            model=self.live.name,
            steps=(*self._uploads(deploys), *deploys, *changes, *relations, *self._offers()),
            unchanged=tuple(unchanged),
            kept_relations=kept,
            warnings=tuple(self._warnings()),
        )

    def _compare(
        self,
        application: Application,
        charm: Charm,
        present: LiveApplication,
        options: Mapping[str, str],
    ) -> None:
        """Note how an application of the model differs in what a plan does not change."""
        name = application.name
        wanted = self.identities.get(name)
        if wanted is not None:
            compared = compare(name, charm, wanted, present.identity)
            self.differences += compared.differences
            if compared.unknown:
                self.unknown[name] = compared.unknown
        types = present.identity.option_types
        lacking = (
            []
            if types is None
            else [key for key in options if key not in {*types, *APPLICATION_OPTIONS}]
        )
        if lacking:
            self.differences.append(
                Problem(
                    f"its charm {present.identity.charm_url} in the model has no option "
                    + ", ".join(sorted(lacking)),
                    f"application {name}",
                )
            )

    def _warnings(self) -> Iterator[Problem]:
        for name, charm in self.charms.items():
            given = self.bundle.applications[name].resources
            for resource in charm.resources.values():
                if not resource.is_image and resource.name not in given:
                    yield Problem(
                        f"charm {charm.name} declares the file {resource.name}, and nobody gives "
                        "it: a charm that needs it stays blocked",
                        f"application {name}, resource {resource.name}",
                        f"add it to the bundle, resources: {{{resource.name}: ./FILE}}, or run "
                        f"juju attach-resource {name} {resource.name}=FILE",
                    )
        if self.unknown:
            yield Problem(
                "no record says which charm and images these were deployed with, so they were not "
                f"compared with the bundle: {', '.join(self.unknown)}",
                f"model {self.live.name}",
                "compare them by hand: juju status, juju resources APPLICATION",
            )

    def wrong(self, application: Application, what: str, fix: str = "", place: str = "") -> None:
        where = f"application {application.name}"
        self.problems.append(Problem(what, f"{where}, {place}" if place else where, fix))

    def _note(self, application: Application, found: Iterable[Problem]) -> None:
        """Keep problems of an application."""
        for problem in found:
            self.wrong(application, problem.what, problem.fix, problem.where)

    def _offers(self) -> Iterator[MakeOffer | GrantOffer]:
        for application in self.bundle.applications.values():
            yield from offer_steps(application, self.live.offers)

    def _refuse_saas(self) -> None:
        """Refuse offers of other models, which are not consumed here."""
        for name in self._saas:
            self.problems.append(
                Problem(
                    "the bundle consumes an offer of another model, which is not supported",
                    f"saas {name}",
                    f"take it out in an overlay (saas: {{{name}: }}), and run juju consume and "
                    "juju integrate when everything is active",
                )
            )

    def _deploy(
        self,
        application: Application,
        charm: Charm,
        options: dict[str, str],
        constraints: Document,
    ) -> DeployApplication | None:
        self._note(application, layout_problems(application, charm))
        resources = self._resources(application, charm)
        storage = self._directives(application, charm, "storage", parse_storage)
        devices = self._directives(application, charm, "devices", parse_device)
        if len(application.placement) > 1:
            self.wrong(
                application,
                "only 1 placement directive is supported for container models, "
                f"got {len(application.placement)}",
            )
        self._note(application, assumption_problems(charm, self.live.features))
        self._note(application, storage_problems(charm, storage, self.live.pools))
        self._note(application, device_problems(charm, devices, application.devices))
        self._note(application, binding_problems(application, charm))
        if application.expose or application.exposed_endpoints:
            self._note(application, exposure_problems(application, charm, options))
        try:
            base = choose_base(application, self.bundle, charm)
        except CharmError as exc:
            self.wrong(application, exc.message, exc.fix)
            return None
        if charm.path is None:
            self.wrong(application, f"there is no .charm file for charm {charm.name}")
            return None
        return DeployApplication(
            application=application.name,
            charm=charm.name,
            charm_path=charm.path,
            base=base,
            architecture=architecture_of(base, constraints),
            scale=application.scale,
            trust=application.trust or options.get("trust") == "true",
            options={name: text for name, text in options.items() if name != "trust"},
            resources=resources,
            constraints=constraints,
            storage=storage,
            devices=devices,
            bindings=application.bindings,
            placement=application.placement,
            expose=application.expose or bool(application.exposed_endpoints),
            exposed_endpoints=application.exposed_endpoints,
            annotations=application.annotations,
        )

    def _uploads(self, deploys: list[DeployApplication]) -> Iterator[UploadCharm]:
        users: dict[Path, list[str]] = {}
        for step in deploys:
            users.setdefault(step.charm_path, []).append(step.application)
        for path, applications in users.items():
            charm = self.charms[applications[0]]
            yield UploadCharm(
                charm=charm.name,
                revision=charm.revision,
                path=path,
                size_bytes=charm.size_bytes,
                applications=tuple(applications),
            )

    def _options(self, application: Application, charm: Charm) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name, value in application.options.items():
            with contextlib.suppress(ValueError):  # reported by option_problems
                texts[name] = option_text(charm, name, value)
        return texts

    def _parsed(
        self, application: Application, key: str, parse: Callable[[str], Document]
    ) -> Document:
        try:
            return parse(application.constraints)
        except BundleError as exc:
            self.wrong(application, exc.message, exc.fix, key)
            return {}

    def _directives(
        self,
        application: Application,
        charm: Charm,
        key: str,
        parse: Callable[[str], Document],
    ) -> dict[str, Document]:
        """Return the parsed ``storage`` or ``devices`` of an application."""
        section = charm.metadata.get(key)
        declared = set(section) if isinstance(section, dict) else set()
        texts = application.storage if key == "storage" else application.devices
        found: dict[str, Document] = {}
        for name, text in texts.items():
            if name not in declared:
                self.wrong(
                    application,
                    f'charm {charm.name} has no {key.rstrip("s")} "{name}"',
                    nearest(name, declared),
                    key,
                )
                continue
            try:
                found[name] = parse(text)
            except BundleError as exc:
                self.wrong(application, exc.message, exc.fix, key)
        return found

    def _resources(self, application: Application, charm: Charm) -> tuple[ResourceUpload, ...]:
        found = []
        for name, value in application.resources.items():
            resource = charm.resources.get(name)
            if resource is None:
                continue  # reported by resource_problems
            # For a local charm the controller accepts both, and leaves an empty placeholder: the
            # unit would never get its image.
            if isinstance(value, int) or not value.strip():
                self.wrong(
                    application,
                    f"{value!r} is a revision in the store, which a local charm cannot use"
                    if isinstance(value, int)
                    else "the value is empty, which the controller would accept without an error",
                    "give an image reference" if resource.is_image else "give a file",
                    f"resource {name}",
                )
            else:
                found.append(
                    ResourceUpload(
                        name=name,
                        type="oci-image" if resource.is_image else "file",
                        value=value,
                        path=value if resource.is_image else (resource.filename or value),
                        description=resource.description,
                        login=application.logins.get(name),
                    )
                )
        for image in charm.images:
            if image.name not in application.resources:
                self.wrong(
                    application,
                    f'charm {charm.name} needs an image for its resource "{image.name}"',
                    "add it under resources:",
                )
        return tuple(found)

    def _relations(self) -> tuple[list[AddRelation], int]:
        resolved, problems = resolve_relations(
            (relation for relation in self.bundle.relations if not self._lacks_charm(relation)),
            self.charms,
        )
        self.problems += problems
        steps = [
            AddRelation(requirer=relation.requirer, provider=relation.provider)
            for relation in resolved
            if relation.ends not in self.live.relations
        ]
        return steps, len(resolved) - len(steps)

    def _lacks_charm(self, relation: Relation) -> bool:
        """Whether an end has no charm, which is reported already."""
        return any(
            end.application in self._saas
            or (end.application in self.bundle.applications and end.application not in self.charms)
            for end in relation.ends
        )
