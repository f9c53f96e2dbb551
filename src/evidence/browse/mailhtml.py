"""A mail's HTML made inert for the sandboxed frame. The response's policy is the second wall; this is the first."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import escape

from evidence.safehtml import safe_html

FRAME = (
    '<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title><style>'
    "body{{font:15px/1.5 system-ui,sans-serif;color:#1b1b1f;background:#fff;margin:12px;overflow-wrap:anywhere}}"
    "table{{max-width:100%;border-collapse:collapse}}td,th{{vertical-align:top}}"
    "img{{max-width:100%;height:auto}}"
    "blockquote{{border-left:3px solid #bbb;margin-left:0;padding-left:12px;color:#444}}"
    "</style></head><body>{body}</body></html>"
)


def frame(html: str, *, title: str, language: str, refused: str, pictures: Mapping[str, str]) -> str:
    """The document for the frame: sanitised, links shown as text with their real target, nothing loaded from anywhere.

    ``pictures`` are the letter's own by Content-ID (``octets.pictures``). ``refused`` is said instead where the markup is too costly to show.
    """
    made = safe_html(html, show_links=True, pictures=pictures)
    body = f"<p>{escape(refused)}</p>" if made.fallback else made.html
    return FRAME.format(body=body, title=escape(title), language=language)
