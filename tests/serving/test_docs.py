"""The schema as a page: everything of the schema is on it, and it asks nobody else for anything."""

import html
import re

from fastapi import FastAPI
from served import connected, loaded

from fashion_tf.serving.docs import docs_page


def test_every_address_parameter_and_answer_is_on_it_and_no_other_server_is():
    with connected(loaded(), key="correct horse") as client:
        page = client.get("/docs")
        schema = client.get("/openapi.json").json()
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"<(script|link|img|iframe)|\b(src|href)=\"(?!openapi\.json\")", page.text)
    text = html.unescape(page.text)
    assert "X-API-Key" in text
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path} <" in text and operation["summary"] in text
            for one in operation.get("parameters", ()):
                assert f"<code>{one['name']}</code>" in text and one["description"] in text
    for model in schema["components"]["schemas"].values():
        for one in model.get("properties", {}).values():
            if model["title"] not in ("Problem", "HTTPValidationError", "ValidationError"):
                assert one.get("description", "") in text
    assert "curl -F photo=@coat.jpg" in text and "Default: 5. At least 1. At most 1000." in text


def test_what_a_schema_says_is_text():
    app = FastAPI(title="<script>alert(1)</script>", description="a & b")

    @app.get("/x", summary="<b>bold</b>", description="before\n\n```sh\n<i>code</i>\n```\n")
    def x() -> str:
        return ""

    page = docs_page(app.openapi())
    assert "<script>alert" not in page and "<b>bold" not in page and "<i>code" not in page
    assert "<pre><code>&lt;i&gt;code&lt;/i&gt;</code></pre>" in page and "<p>before</p>" in page
