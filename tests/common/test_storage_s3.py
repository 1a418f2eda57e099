"""The digest store on object storage: moto's server answers the S3 protocol over real HTTP on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from portal.common import storage

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "broadsheet-blobs"
# A region that needs no LocationConstraint, so that the bucket is made by one plain call.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    resource = boto3.resource("s3", endpoint_url=endpoint)
    bucket = resource.create_bucket(Bucket=BUCKET)
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()
    resource.meta.client.close()


@pytest.fixture
def store(bucket, endpoint, settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": BUCKET,
                "endpoint_url": endpoint,
                "signature_version": "s3v4",
                "default_acl": None,
                "file_overwrite": True,
                "querystring_auth": False,
            },
        },
    }
    yield storage.blobs()
    storage.blobs().connection.meta.client.close()


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "source.txt"
    path.write_bytes(b"what an author uploaded")
    return path


def keys(bucket) -> list[str]:
    return [item.key for item in bucket.objects.all()]


def test_put_keeps_the_bytes_under_their_digest(store, bucket, source):
    digest, size = storage.put(source)

    assert keys(bucket) == [f"{digest[:2]}/{digest[2:4]}/{digest}"]
    assert bucket.Object(keys(bucket)[0]).content_length == size == 23


def test_put_keeps_the_same_bytes_once(store, bucket, source, tmp_path):
    twin = tmp_path / "another name.csv"
    twin.write_bytes(source.read_bytes())

    assert storage.put(source) == storage.put(twin)
    assert len(keys(bucket)) == 1


def test_open_blob_reads_what_was_put(store, source):
    digest, _ = storage.put(source)

    with storage.open_blob(digest) as stream:
        content = stream.read()

    assert content == b"what an author uploaded"


def test_copy_blob_writes_a_local_file(store, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(9_000_000))
    digest, _ = storage.put(large)

    storage.copy_blob(digest, tmp_path / "copies" / "large")

    assert storage.digest_of(tmp_path / "copies" / "large") == (digest, 9_000_000)


def test_is_whole_sees_damage_and_loss(store, bucket, source):
    digest, _ = storage.put(source)
    whole = storage.is_whole(digest)

    bucket.Object(storage.blob_name(digest)).put(Body=b"what an author uploadeD")
    damaged = storage.is_whole(digest)
    bucket.Object(storage.blob_name(digest)).delete()
    lost = storage.is_whole(digest)

    assert (whole, damaged, lost) == (True, False, False)


def test_open_blob_of_a_lost_object_is_file_not_found(store):
    with pytest.raises(FileNotFoundError):
        storage.open_blob("0" * 64)


def test_abandoned_temporary_files_are_none(store):
    assert list(storage.abandoned_temporary_files()) == []


@pytest.mark.slow
def test_publish_and_verify_with_nothing_but_environment_variables(bucket, endpoint, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>Sales</title><h1>Sales rose by 4 %</h1>")
    environment = {
        **os.environ,
        **CREDENTIALS,
        "BROADSHEET_DATA_DIR": str(tmp_path / "data"),
        "BROADSHEET_S3_BUCKET": BUCKET,
        "BROADSHEET_S3_ENDPOINT": endpoint,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
    }

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("migrate", "--verbosity=0")
    manage("shell", "--verbosity=0", "-c", MAKE_AN_AUTHOR)
    answer = json.loads(manage("publish", str(page), "--slug=sales", "--by=alice", "--json"))
    read = manage("shell", "--verbosity=0", "-c", READ_AS_A_READER)
    verified = manage("verify")

    assert answer["version"] == "1.0"
    assert read.startswith("200 True")
    assert "all are whole" in verified
    assert keys(bucket)
    assert not (tmp_path / "data" / "blobs").exists()


MAKE_AN_AUTHOR = """
from portal.accounts.models import User
User.objects.create_user("alice", role="author")
"""
READ_AS_A_READER = """
from urllib.parse import urlsplit
from django.test import Client
from django.utils import timezone
from portal.accounts.models import User
from portal.publishing.content import reader_url
from portal.publishing.models import Edition
url = urlsplit(reader_url(Edition.objects.get(), user=User.objects.get(), at=timezone.now()))
response = Client(headers={"host": url.netloc}).get(url.path)
print(response.status_code, b"Sales rose by 4 %" in response.getvalue())
"""
