import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
NAME = re.compile(r'"(BROADSHEET_[A-Z0-9_]+|DATABASE_URL|REDIS_URL)"')
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \|", re.MULTILINE)
# What the portal tells the code of a run; nobody sets these.
FOR_RUNS = {
    "BROADSHEET_LOGICAL_TIME",
    "BROADSHEET_OUTPUT",
    "BROADSHEET_PARAMETERS",
    "BROADSHEET_PARTS",
    "BROADSHEET_PREVIOUS",
    "BROADSHEET_PREVIOUS_FILES",
    "BROADSHEET_SAY",
}


def test_settings_guide_names_exactly_the_variables_that_are_read():
    sources = (ROOT / "portal").rglob("*.py")
    read = {name for source in sources for name in NAME.findall(source.read_text("utf-8"))}

    documented = set(ROW.findall((ROOT / "docs" / "settings.md").read_text("utf-8")))

    assert documented == read - FOR_RUNS


def test_settings_guide_knows_every_variable_of_the_settings_file():
    read = set(NAME.findall((ROOT / "portal" / "settings.py").read_text("utf-8")))

    assert read <= set(ROW.findall((ROOT / "docs" / "settings.md").read_text("utf-8")))
