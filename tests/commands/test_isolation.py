"""`manage.py isolation`: what it prints, and how it ends."""

import json

import pytest

from portal.runs import isolation
from portal.runs.sandbox import Level

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_findings(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    before = list(isolation._found)
    yield
    isolation._found[:] = before


def test_isolation_tells_of_every_level(manage):
    answer = manage("isolation")

    survey = isolation.last_survey()
    assert f"use: {survey.label}" in answer.out
    assert all(label in answer.out for label in isolation.LABELS.values())
    assert answer.code == (0 if survey.level else 1)


def test_isolation_answers_in_json(manage):
    answer = manage("isolation", "--json")

    told = json.loads(answer.out)
    assert [verdict["level"] for verdict in told["verdicts"]] == list(Level)
    assert told["level"] == isolation.last_survey().level
