"""The demo's passwords are public."""

import pytest
from django.core.management import call_command

from portal.accounts.models import User


def test_demo_refuses_in_production(db, settings, capsys):
    settings.PRODUCTION = True

    with pytest.raises(SystemExit) as end:
        call_command("demo")

    assert end.value.code == 1
    assert "not made in production" in capsys.readouterr().err
    assert not User.objects.exists()
