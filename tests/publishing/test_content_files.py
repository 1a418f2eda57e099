import os
from pathlib import Path

import pytest
from django.test import RequestFactory

from portal.publishing import content_files
from portal.publishing.models import TreeEntry
from tests.publishing.shelf import person, publish


@pytest.mark.django_db
def test_respond_leaves_the_descriptor_at_the_start_where_sendfile_begins(tmp_path: Path) -> None:
    page = "<!doctype html><title>Sales</title>" + "<p>one more line</p>" * 5_000
    edition = publish(tmp_path, {"index.html": page}, by=person("alice"))
    entry = TreeEntry.objects.select_related("blob").get(tree=edition.tree)

    response = content_files.respond(RequestFactory().get("/"), entry, seconds=60)

    descriptor = response.file_to_stream.fileno()
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    response.close()
