"""Secrets: who may set them, how they are kept, and which runs get them."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied

from portal.accounts.models import Team, User
from portal.publishing.models import AuditEvent, Variant
from portal.runs import secrets, vault
from portal.runs.errors import BundleError, PlatformError
from portal.runs.models import Run, Secret
from tests.runs.authors import COUNTING, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
VALUE = "correct-horse-battery"
LATER = MONDAY + timedelta(hours=1)
OLD_KEY, NEW_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def secret(ada: User, team: Team) -> Secret:
    return secrets.create_secret("TOKEN", VALUE, by=ada, at=MONDAY, teams=[team])


def run_naming(*names: str, by: User, slug: str = "counting") -> Run:
    manifest = {"run": {"secrets": list(names)}}
    variant = publish_script(COUNTING, by=by, at=MONDAY, slug=slug, manifest=manifest)
    return variant.runs.select_related("variant__publication__team", "version").get()


def test_value_is_kept_encrypted_and_recorded_without_it(secret: Secret, ada: User) -> None:
    secrets.replace_secret(secret, VALUE.upper(), by=ada, at=LATER)

    secret.refresh_from_db()
    assert VALUE.upper() not in secret.ciphertext
    assert vault.open_sealed(secret.ciphertext) == VALUE.upper()
    assert (secret.created_at, secret.set_at) == (MONDAY, LATER)
    events = AuditEvent.objects.filter(object_type="secret").order_by("pk")
    assert [event.action for event in events] == ["create_secret", "grant_secret", "replace_secret"]
    assert VALUE.casefold() not in "".join(str(event.detail) for event in events).casefold()


@pytest.mark.parametrize(
    "name",
    [
        *("", "token", "1TOKEN", "TO-KEN", "TOKEN\n", "TÖKEN", "T" * 81, "PATH", "HOME", "LANG"),
        *("LD_PRELOAD", "PYTHONPATH", "BROADSHEET_OUTPUT", "BROADSHEET_SECRETS_KEY", "TMPDIR"),
    ],
)
def test_name_that_something_else_listens_to_is_refused(ada: User, name: str) -> None:
    with pytest.raises(secrets.BadSecret) as refusal:
        secrets.create_secret(name, VALUE, by=ada, at=MONDAY)

    assert refusal.value.field == "name"


@pytest.mark.parametrize("value", ["", " \n", "a\0b", "ü" * 5001, "\udc80"])
def test_value_that_no_variable_can_carry_is_refused(ada: User, value: str) -> None:
    with pytest.raises(secrets.BadSecret) as refusal:
        secrets.create_secret("TOKEN", value, by=ada, at=MONDAY)

    assert refusal.value.field == "value"
    assert not Secret.objects.exists()


def test_name_is_given_once(secret: Secret, ada: User) -> None:
    with pytest.raises(secrets.BadSecret, match="There is a secret TOKEN already"):
        secrets.create_secret("TOKEN", "another", by=ada, at=MONDAY)

    assert vault.open_sealed(Secret.objects.get().ciphertext) == VALUE


def test_only_admins_change_secrets(secret: Secret, alice: User, team: Team) -> None:
    for change in (
        lambda: secrets.create_secret("OTHER", VALUE, by=alice, at=MONDAY),
        lambda: secrets.replace_secret(secret, "mine", by=alice, at=MONDAY),
        lambda: secrets.describe_secret(secret, "mine", by=alice, at=MONDAY),
        lambda: secrets.grant_secret(secret, team, by=alice, at=MONDAY),
        lambda: secrets.revoke_secret(secret, team, by=alice, at=MONDAY),
        lambda: secrets.delete_secret(secret, by=alice, at=MONDAY),
    ):
        with pytest.raises(PermissionDenied):
            change()

    assert vault.open_sealed(Secret.objects.get().ciphertext) == VALUE


def test_production_without_a_key_keeps_no_secret(ada: User, settings: LazySettings) -> None:
    settings.PRODUCTION = True

    with pytest.raises(secrets.BadSecret, match="set BROADSHEET_SECRETS_KEY"):
        secrets.create_secret("TOKEN", VALUE, by=ada, at=MONDAY)


def test_run_gets_what_it_names_and_nothing_else(
    secret: Secret, ada: User, alice: User, team: Team
) -> None:
    secrets.create_secret("OTHER", "not asked for", by=ada, at=MONDAY, teams=[team])

    given = secrets.given_to(run_naming("TOKEN", by=alice), at=LATER)

    secret.refresh_from_db()
    assert given.values == {"TOKEN": VALUE}
    assert VALUE not in repr(given)
    assert secret.last_used_at == LATER
    assert Secret.objects.get(name="OTHER").last_used_at is None


def test_run_that_names_nothing_gets_nothing(counting: Variant, secret: Secret) -> None:
    assert secrets.given_to(counting.runs.get(), at=LATER).values == {}


def test_secret_of_another_team_and_none_at_all_look_the_same(secret: Secret, dora: User) -> None:
    dora.teams.add(Team.objects.create(slug="finance", name="Finance"))
    sentences = []

    for name, slug in (("TOKEN", "one-of-them"), ("NO_SUCH", "another")):
        with pytest.raises(BundleError) as refusal:
            secrets.given_to(run_naming(name, by=dora, slug=slug), at=LATER)
        sentences.append(refusal.value.sentence.replace(name, "NAME"))

    secret.refresh_from_db()
    assert sentences[0] == sentences[1]
    assert "granted to the team Finance. Ask an admin" in sentences[0]
    assert secret.last_used_at is None


def test_publication_of_no_team_gets_no_secret(secret: Secret, dora: User) -> None:
    with pytest.raises(BundleError, match="belongs to none"):
        secrets.given_to(run_naming("TOKEN", by=dora), at=LATER)


def test_revoked_secret_is_not_given_any_more(
    secret: Secret, ada: User, alice: User, team: Team
) -> None:
    assert secrets.revoke_secret(secret, team, by=ada, at=MONDAY)
    assert not secrets.revoke_secret(secret, team, by=ada, at=MONDAY)

    with pytest.raises(BundleError):
        secrets.given_to(run_naming("TOKEN", by=alice), at=LATER)


def test_secret_that_no_key_opens_is_our_fault(
    secret: Secret, alice: User, settings: LazySettings
) -> None:
    settings.SECRETS_KEYS = [NEW_KEY]

    with pytest.raises(PlatformError, match="TOKEN cannot be decrypted: none of the keys"):
        secrets.given_to(run_naming("TOKEN", by=alice), at=LATER)


def test_rotation_makes_the_former_key_superfluous(
    ada: User, team: Team, settings: LazySettings
) -> None:
    settings.SECRETS_KEYS = [OLD_KEY]
    secret = secrets.create_secret("TOKEN", VALUE, by=ada, at=MONDAY, teams=[team])
    settings.SECRETS_KEYS = [NEW_KEY, OLD_KEY]

    unreadable = secrets.rotate(by=None, at=LATER)

    settings.SECRETS_KEYS = [NEW_KEY]
    secret.refresh_from_db()
    assert unreadable == []
    assert vault.open_sealed(secret.ciphertext) == VALUE


def test_rotation_leaves_what_no_key_opens(secret: Secret, settings: LazySettings) -> None:
    settings.SECRETS_KEYS = [NEW_KEY]
    before = secret.ciphertext

    assert secrets.rotate(by=None, at=LATER) == [secret]

    secret.refresh_from_db()
    assert secret.ciphertext == before
