"""The sign-in form."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.forms import PasswordInput, TextInput


class SignInForm(AuthenticationForm):
    """Django's own check, with fields of the house's style and an error that does not tell who exists."""

    error_messages = {
        "invalid_login": "User name and password do not belong together. Passwords tell capitals from small letters.",
        "inactive": "This account is closed. Ask an admin to open it again.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget = TextInput(
            attrs={"class": "input", "autocomplete": "username", "autocapitalize": "none"}
        )
        self.fields["password"].widget = PasswordInput(
            attrs={"class": "input", "autocomplete": "current-password"}
        )
