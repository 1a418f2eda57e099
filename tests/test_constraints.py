"""Every named constraint is held by the database itself; this one finds those that no test breaks."""

from pathlib import Path

from django.apps import apps
from django.conf import settings


def test_every_named_constraint_is_broken_by_a_test() -> None:
    tests = Path(settings.BASE_DIR) / "tests"
    breaking = "".join(path.read_text("utf-8") for path in tests.rglob("test_constraints.py"))

    named = {
        constraint.name
        for model in apps.get_app_config("portal").get_models()
        for constraint in model._meta.constraints
    }

    assert {name for name in named if f'"{name}"' not in breaking} == set()
