import pytest
from django.conf import settings
from django.test import Client

PORTAL = "localhost:8000"
CONTENT = "127.0.0.1:8000"


def test_request_id_of_a_proxy_is_kept(client: Client) -> None:
    response = client.get("/health/live", headers={"host": CONTENT, "x-request-id": "abcd-1234"})

    assert response["X-Request-ID"] == "abcd-1234"


def test_request_id_that_could_forge_a_log_line_is_replaced(client: Client) -> None:
    response = client.get("/x", headers={"host": CONTENT, "x-request-id": "abcd\n1234"})

    assert len(response["X-Request-ID"]) == 32


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/admin/", "/reports/", "/upload/", "/api/v1/"])
@pytest.mark.parametrize("host", [CONTENT, "127.0.0.1.:8000"])
def test_portal_addresses_are_unknown_to_the_content_origin(
    client: Client, host: str, path: str
) -> None:
    response = client.get(path, headers={"host": host})

    assert response.status_code == 404
    assert "Nothing is shown here" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/c/token/index.html", "/c/token/", "/e/token/"])
def test_content_addresses_are_unknown_to_the_portal(admin_client: Client, path: str) -> None:
    response = admin_client.get(path, headers={"host": PORTAL})

    assert response.status_code == 404


@pytest.mark.django_db
def test_content_origin_reads_no_cookie_and_sets_none(client: Client, admin_user: object) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "planted"

    response = client.get("/c/token/index.html", headers={"host": CONTENT})

    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


def test_content_origin_sandboxes_what_no_view_answered(client: Client) -> None:
    response = client.post("/c/token/index.html", headers={"host": CONTENT})

    assert response.status_code == 405
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.django_db
def test_portal_pages_allow_no_inline_code_and_no_frame_around_them(client: Client) -> None:
    response = client.get("/sign-in/", headers={"host": PORTAL})

    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert f"frame-src {settings.CONTENT_ORIGIN};" in policy
    assert response["X-Frame-Options"] == "DENY"


def test_content_origin_says_that_it_is_alive(client: Client) -> None:
    response = client.get("/health/live", headers={"host": CONTENT})

    assert response.json() == {"status": "live"}


def test_change_asked_for_by_another_site_is_refused(client: Client) -> None:
    response = client.post(
        "/sign-out/", headers={"host": PORTAL, "sec-fetch-site": "cross-site", "origin": "null"}
    )

    assert response.status_code == 403
    assert response.json()["error"] == "cross_site"


def test_compressed_body_is_refused(client: Client) -> None:
    response = client.post("/sign-in/", headers={"host": PORTAL, "content-encoding": "gzip"})

    assert response.status_code == 415
