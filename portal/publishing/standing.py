"""How what a variant shows stands to what it should show: of which version, of which parameters, and why not yet.

No query: whoever asks brings the variant with its version and its current edition's version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.publishing import parameters
from portal.publishing.models import Publication, Variant, Version
from portal.publishing.parameters import BadValues, Spec


@dataclass(frozen=True)
class Standing:
    """`wanted`: the publication's version. `trouble`: why the variant cannot be rendered, in a sentence."""

    shown: Version | None
    wanted: Version | None
    trouble: str
    has_former_parameters: bool

    @property
    def has_other_version(self) -> bool:
        """Whether readers see what another version made than the default variant is at."""
        return self.shown is not None and self.wanted is not None and self.shown != self.wanted

    @property
    def is_done(self) -> bool:
        return not (self.has_other_version or self.has_former_parameters or self.trouble)


def standing_of(variant: Variant, wanted: Version | None) -> Standing:
    """:param wanted: the version of the publication's default variant"""
    return Standing(
        shown=variant.current.version if variant.current else None,
        wanted=wanted,
        trouble=trouble_of(variant),
        has_former_parameters=has_former_parameters(variant),
    )


def spec_of(version: Version | None) -> Spec:
    """The parameters that the version declares."""
    spec: Spec = version.manifest.get("parameters", []) if version else []
    return spec


def values_of(variant: Variant, version: Version | None) -> dict[str, Any]:
    """What the variant says, or else the default is, for each parameter that the version declares."""
    return {
        one["name"]: variant.parameters.get(one["name"], one["default"]) for one in spec_of(version)
    }


def in_words(variant: Variant) -> list[tuple[str, str]]:
    """Label and value of every parameter of the variant, for people; relative dates stay words."""
    return parameters.in_words(spec_of(variant.version), values_of(variant, variant.version))


def trouble_of(variant: Variant) -> str:
    """Why the variant's version cannot be run for it; empty when it can."""
    version = variant.version
    if version is None:
        return ""
    if not version.executes:
        return (
            "" if variant.is_default else f"Version {version} is finished content: nothing is run."
        )
    try:
        parameters.read(spec_of(version), variant.parameters)
    except BadValues as bad:
        return f"Version {version} cannot be run with its parameters: {bad}"
    return ""


def given_at(variant: Variant, version: Version, logical_time: datetime) -> dict[str, Any]:
    """What code of that version is given for a run of the variant at that time.

    :raises BadValues: when the version does not take what the variant says.
    """
    zone = variant.publication.timezone
    return parameters.resolve(spec_of(version), variant.parameters, logical_time, zone)


def has_former_parameters(variant: Variant) -> bool:
    """Whether the edition shown was made with other parameters than the variant has now."""
    current = variant.current
    if current is None or not current.version.executes or current.version_id != variant.version_id:
        return False
    given: Mapping[str, Any] = current.facts.get("parameters", {})
    return not is_given(variant, current.version, current.logical_time, given)


def is_given(
    variant: Variant, version: Version, logical_time: datetime, given: Mapping[str, Any]
) -> bool:
    """Whether that is what the variant, as it is now, gives to a run at that time."""
    try:
        return given_at(variant, version, logical_time) == given
    except BadValues:
        return False


def wanted_by(publication: Publication) -> Version | None:
    """The version of the default variant: the one that the others should be rendered with; one query."""
    default = publication.variants.filter(slug="default").select_related("version").first()
    return default.version if default else None
