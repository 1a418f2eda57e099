import json
import re

import pytest

from portal.publishing import shell


def test_page_escapes_the_title() -> None:
    page = shell.page("</title><script>alert(1)</script>", "")

    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title>" in page


def test_page_loads_the_sandbox_before_any_other_script() -> None:
    page = shell.page("Sales", "<p>text</p>", scripts=["/static/content/figure.js"])

    scripts = re.findall(r'<script src="([^"]+)"', page)
    assert scripts == ["/static/content/sandbox.js", "/static/content/figure.js"]


def test_page_wraps_the_body_in_the_measured_element() -> None:
    page = shell.page("Sales", "<p>text</p>")

    assert "<main data-broadsheet-page>\n<p>text</p>\n</main>" in page


def test_data_cannot_leave_its_script_element() -> None:
    data = {"name": "</script><!--<script>", "nested": ["&", ">"]}

    page = shell.page("Sales", "", data=data)

    block = re.search(r'<script type="application/json" id="broadsheet-data">(.*?)</script>', page)
    assert block is not None
    assert not set("<>&") & set(block[1])
    assert json.loads(block[1]) == data


def test_data_must_be_strict_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        shell.page("Sales", "", data=[float("nan")])
