import select
import subprocess
import sys

import pytest

from portal.common import processes


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open(2) is Linux's")
def test_ending_of_a_process_can_be_waited_for_beside_other_things():
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child,
        processes.ending_of(child.pid) as ends,
    ):
        while_it_lives = select.select(ends, [], [], 0)[0]
        child.stdin.close()
        afterwards = select.select(ends, [], [], 60)[0]

    assert (while_it_lives, afterwards) == ([], ends)
