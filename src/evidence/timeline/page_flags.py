"""What was flagged, in each side's words: a table a side, in the same type size, each passage with its quote and decision."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evidence.model import Flag
from evidence.timeline.page_parts import Page
from evidence.timeline.words import REVIEW_WORDS


def flags_part(page: Page, flags: Sequence[Flag]) -> str:
    """``flags``: those that may stand in a document (``build.standing``), in order of time."""
    _ = page._
    parts = []
    for side, caption in (
        ("client", _("In the client's words")),
        ("us", _("In our words")),
        ("third", _("In the words of others")),
    ):
        rows = [flag for flag in flags if flag.speaker == side]
        if rows or side != "third":
            parts.append(
                f"<h2>{escape(caption)}</h2>" + (_table(page, rows, caption) if rows else f"<p>{_('none')}</p>")
            )
    note = _("Possible flags that no person has accepted, and rejected flags, stand in no document.")
    return "".join(parts) + f'<p class="note">{escape(note)}</p>'


def _table(page: Page, flags: Sequence[Flag], caption: str) -> str:
    _ = page._
    head = "".join(
        f'<th scope="col">{escape(h)}</th>' for h in (_("When"), _("What it is"), _("Quote"), _("A person's decision"))
    )
    lines = []
    for flag in flags:
        letter = page.letters.get(flag.sha256)
        who = escape((letter.person or letter.sender) if letter else "")
        lines.append(
            f'<tr class="{flag.speaker}"><td>{page.when_link(flag.sha256)}<p class="note">{who}</p></td>'
            f"<td>{escape(page.flag_word(flag))}</td><td><q>{escape(' '.join(flag.quote.split()))}</q></td>"
            f"<td>{escape(_(REVIEW_WORDS[page.review('flag', flag.id)]))}</td></tr>"
        )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption class="quiet">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
