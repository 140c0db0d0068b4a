"""The sample application: one page, one health check, one call to another service."""

import os

import httpx
from flask import Flask, Response, jsonify

RATES = os.environ.get("RATES_URL", "")


def create_app() -> Flask:
    """The web application."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> str:
        return "<!doctype html><title>Payments</title><h1>Payments</h1>"

    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    @app.get("/rates")
    def rates() -> Response:
        if not RATES:
            return jsonify(rates={})
        return jsonify(rates=httpx.get(RATES, timeout=5).json())

    @app.after_request
    def harden(response: Response) -> Response:
        # What ZAP's baseline scan looks for on every page.
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'; form-action 'self'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    return app
