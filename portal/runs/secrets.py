"""Secrets for authors' code: admins set and grant them, runs get them, and nobody reads them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from portal.accounts.models import Team, User
from portal.common.text import one_line
from portal.publishing.audit import record
from portal.publishing.names import BadName, secret_name
from portal.runs import vault
from portal.runs.errors import BundleError, PlatformError
from portal.runs.models import Run, Secret, SecretGrant

MOST_BYTES = 10_000
HOW_TO_SET_A_KEY = (
    "Secrets cannot be kept, because there is no key to encrypt them with: set BROADSHEET_SECRETS_KEY for "
    "web and workers and restart them."
)


class BadSecret(Exception):
    """A secret cannot be kept like this; `field` is what to mend: name or value."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Given:
    """What a run gets: values by the names of environment variables."""

    values: dict[str, str]

    def __repr__(self) -> str:
        return f"Given({sorted(self.values)})"

    @property
    def names(self) -> list[str]:
        return sorted(self.values)


@transaction.atomic
def create_secret(
    name: str,
    value: str,
    *,
    by: User,
    at: datetime,
    description: str = "",
    teams: Sequence[Team] = (),
) -> Secret:
    """Keep a value under a name that is new, for the runs of these teams.

    :raises BadSecret: when name or value cannot be used, or there is no key.
    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    ciphertext = _sealed(value)
    secret, is_new = Secret.objects.get_or_create(
        name=_checked_name(name),
        defaults={
            "description": one_line(description, length=300),
            "ciphertext": ciphertext,
            "created_by": by,
            "created_at": at,
            "set_by": by,
            "set_at": at,
        },
    )
    if not is_new:
        raise BadSecret("name", f"There is a secret {name} already. Open it to replace its value.")
    record("create_secret", secret, by=by, at=at, name=secret.name)
    for team in teams:
        grant_secret(secret, team, by=by, at=at)
    return secret


@transaction.atomic
def replace_secret(secret: Secret, value: str, *, by: User, at: datetime) -> None:
    """Keep another value under the same name: runs that start from now on get it.

    :raises BadSecret: when the value cannot be used, or there is no key.
    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    secret.ciphertext, secret.set_by, secret.set_at = _sealed(value), by, at
    secret.save(update_fields=["ciphertext", "set_by", "set_at"])
    record("replace_secret", secret, by=by, at=at, name=secret.name)


@transaction.atomic
def describe_secret(secret: Secret, description: str, *, by: User, at: datetime) -> None:
    """Say what it is for.

    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    secret.description = one_line(description, length=300)
    secret.save(update_fields=["description"])
    record("describe_secret", secret, by=by, at=at, name=secret.name)


@transaction.atomic
def grant_secret(secret: Secret, team: Team, *, by: User, at: datetime) -> bool:
    """Let runs of the team's publications have it.

    :returns: False when they had it already.
    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    _, is_new = SecretGrant.objects.get_or_create(
        secret=secret, team=team, defaults={"by": by, "at": at}
    )
    if is_new:
        record("grant_secret", secret, by=by, at=at, name=secret.name, team=team.slug)
    return is_new


@transaction.atomic
def revoke_secret(secret: Secret, team: Team, *, by: User, at: datetime) -> bool:
    """Runs of the team's publications that start from now on do not get it.

    :returns: False when they did not get it before.
    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    revoked, _ = SecretGrant.objects.filter(secret=secret, team=team).delete()
    if revoked:
        record("revoke_secret", secret, by=by, at=at, name=secret.name, team=team.slug)
    return bool(revoked)


@transaction.atomic
def delete_secret(secret: Secret, *, by: User, at: datetime) -> None:
    """Forget the value and who could have it; the record of changes stays.

    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    record("delete_secret", secret, by=by, at=at, name=secret.name)
    secret.delete()


@transaction.atomic
def rotate(*, by: User | None, at: datetime) -> list[Secret]:
    """Encrypt everything again with the first key; returns what no key opens, which stays as it is.

    :raises BadSecret: when there is no key.
    """
    _require_key()
    unreadable = []
    for secret in Secret.objects.select_for_update().order_by("name"):
        try:
            secret.ciphertext = vault.seal_again(secret.ciphertext)
        except vault.Locked:
            unreadable.append(secret)
            continue
        secret.save(update_fields=["ciphertext"])
        record("rotate_secret", secret, by=by, at=at, name=secret.name)
    return unreadable


def given_to(run: Run, *, at: datetime) -> Given:
    """The secrets that the run's manifest names, which its publication's team must have been granted.

    :raises BundleError: when there is none of that name, or none for the team; which, is not told.
    :raises PlatformError: when one cannot be decrypted.
    """
    names = run.version.manifest.get("run", {}).get("secrets", [])
    if not names:
        return Given({})
    team = run.variant.publication.team
    granted = (
        Secret.objects.filter(name__in=names, grants__team=team) if team else Secret.objects.none()
    )
    found = {secret.name: secret for secret in granted}
    if missing := [name for name in names if name not in found]:
        raise BundleError(_refusal(missing, team))
    given = Given({name: _opened(found[name]) for name in names})
    granted.update(last_used_at=at)
    return given


def require_admin(user: User) -> None:
    """
    :raises PermissionDenied: when the person is no admin.
    """
    if not user.is_admin:
        raise PermissionDenied(
            "Secrets are for admins. Ask one to set it and to grant it to the publication’s team."
        )


def _refusal(missing: list[str], team: Team | None) -> str:
    named = ", ".join(missing)
    if team is None:
        return (
            f"broadsheet.toml names {named}, but secrets are granted to teams and this publication belongs "
            "to none. Ask an admin to give it a team."
        )
    return (
        f"broadsheet.toml names {named}, which this publication may not have: no such secret is granted to "
        f"the team {team}. Ask an admin to set it, if need be, and to grant it to the team; then run again."
    )


def _opened(secret: Secret) -> str:
    try:
        return vault.open_sealed(secret.ciphertext)
    except vault.Locked as locked:
        raise PlatformError(
            f"The secret {secret} cannot be decrypted: {locked}. An admin has to mend that, or set "
            "the secret again."
        ) from None


def _checked_name(name: str) -> str:
    try:
        return secret_name(name)
    except BadName as problem:
        raise BadSecret("name", f"The name {problem}.") from None


def _sealed(value: str) -> str:
    _require_key()
    return vault.seal(_checked_value(value))


def _checked_value(value: str) -> str:
    if not value.strip():
        raise BadSecret("value", "A secret needs a value.")
    if "\0" in value:
        raise BadSecret("value", "A value cannot have the character NUL: no variable can carry it.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise BadSecret("value", "A value must be text in UTF-8.") from None
    if size > MOST_BYTES:
        raise BadSecret(
            "value", f"A value must have at most {MOST_BYTES:,} bytes; this has {size:,}."
        )
    return value


def _require_key() -> None:
    if not vault.has_key():
        raise BadSecret("value", HOW_TO_SET_A_KEY)
