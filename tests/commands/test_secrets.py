"""`manage.py secrets`: names and teams, never values."""

import io
import sys

import pytest
from cryptography.fernet import Fernet

from portal.accounts.models import Role, User
from portal.runs import vault
from portal.runs.models import Secret


@pytest.fixture
def ada(db) -> User:
    return User.objects.create_user("ada", "ada@example.com", role=Role.ADMIN)


@pytest.fixture
def typing(monkeypatch):
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_value_from_standard_input_is_set_and_set_again(manage, typing, ada, alice):
    for value in ("first\n", "sec\nond\n"):
        typing(value)
        answer = manage("secrets", "set", "TOKEN", "--team", "delivery", "--by", "ada")
        assert (answer.code, value.strip() in answer.out) == (0, False)

    assert vault.open_sealed(Secret.objects.get().ciphertext) == "sec\nond"
    assert manage("secrets", "list").out == "TOKEN  delivery\n"


@pytest.mark.parametrize(
    ("arguments", "value", "code", "says"),
    [
        (("PATH", "--by", "ada"), "x", 1, "cannot be PATH"),
        (("TOKEN", "--by", "ada"), "\n", 1, "A secret needs a value."),
        (("TOKEN", "--by", "ada"), "x" * 20_000, 1, "at most 10,000 bytes"),
        (("TOKEN", "--by", "alice"), "x", 1, "Secrets are for admins."),
        (("TOKEN",), "x", 2, "Say who sets it"),
        (("TOKEN", "--by", "ada", "--team", "none"), "x", 2, "There is no team none."),
    ],
)
def test_secret_that_cannot_be_set_is_refused(
    manage, typing, ada, alice, arguments, value, code, says
):
    typing(value)

    answer = manage("secrets", "set", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
    assert not Secret.objects.exists()


def test_rotation_says_what_no_key_opens(manage, typing, ada, settings):
    typing("value")
    manage("secrets", "set", "LOST", "--by", "ada")
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    typing("value")
    manage("secrets", "set", "TOKEN", "--by", "ada")

    answer = manage("secrets", "rotate")

    assert (answer.code, answer.out) == (1, "Encrypted with the first key: 1.\n")
    assert "No key opens LOST." in answer.err
    assert "LOST  -  (no key opens it: set it again)" in manage("secrets", "list").out
