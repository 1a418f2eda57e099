"""Every hostile request, over HTTP, against the portal's real web server."""

import subprocess
import sys

import pytest

from tests.conftest import SHARED
from tests.webportal import running

MUTANTS = "150"


@pytest.mark.attacks
@pytest.mark.slow
def test_portal_answers_every_attack_with_the_right_class(real_environment: dict[str, str]) -> None:
    with running(real_environment) as portal:
        session = portal.sign_in()

        judged = subprocess.run(
            [
                *(sys.executable, str(SHARED / "attacks" / "runner.py"), "--base", portal.origin),
                *("--csrf", session.csrf_token(), "--cookie", session.cookies),
                *("--mutate", MUTANTS, "--pid", str(portal.process.pid)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    assert f"mutants {MUTANTS}: 5xx/hang/canary 0 " in judged.stdout
    assert judged.returncode == 0, judged.stdout
