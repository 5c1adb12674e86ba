"""The page at the root. A later part makes it the web application."""

from __future__ import annotations

from typing import Final

PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>headstart</title>
<h1>headstart</h1>
<p>This service classifies images. Send them to <code>POST /v1/predict</code>:</p>
<pre>curl -F files=@photo.jpg ADDRESS/v1/predict</pre>
<p><a href="/v1/models">Models</a>, <a href="/openapi.json">OpenAPI description</a>.</p>
</html>
"""
