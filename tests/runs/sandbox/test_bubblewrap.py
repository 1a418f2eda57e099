import subprocess
import sys

import pytest

from portal.runs.sandbox import bubblewrap


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux")
def test_program_comes_with_the_portal_where_the_machine_has_none() -> None:
    brought = bubblewrap.packaged()

    said = subprocess.run([brought, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("bubblewrap ")
