"""The sample application's own unit tests; ci/build.sh runs them."""

from app import create_app


def test_the_page_is_there() -> None:
    answer = create_app().test_client().get("/")
    assert answer.status_code == 200
    assert b"<h1>Payments</h1>" in answer.data


def test_the_health_check_says_ok() -> None:
    assert create_app().test_client().get("/healthz").json == {"status": "ok"}


def test_every_answer_is_hardened() -> None:
    headers = create_app().test_client().get("/missing").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
