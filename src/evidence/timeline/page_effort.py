"""Effort: counts, hours and rates as a table and bars."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from babel.dates import format_date
from babel.numbers import format_decimal

from evidence.reckoning import Effort
from evidence.timeline.page_parts import Page
from evidence.wording.effort import clock, formula_in_words, rule_in_words


def effort_part(page: Page, effort: Effort) -> str:
    _ = page._
    heads = (
        _("Person"), _("Month"), _("Messages read"), _("Messages written"), _("Words read"), _("Words written"), _("Hours, estimated"),
        _("Hours, logged"), _("Rate"), _("Cost"),
    )  # fmt: skip
    rows = []
    most = max((x.estimated_minutes + x.logged_minutes for x in effort.lines), default=0.0)
    bars = []
    for x in effort.lines:
        month = format_date(x.month, "LLLL y", locale=page.language)
        cells = (
            *(_number(n, page) for n in (x.messages_in, x.messages_out, x.words_in, x.words_out)),
            clock(x.estimated_minutes), clock(x.logged_minutes), _amount(x.rate, page), _amount(x.cost, page),
        )  # fmt: skip
        rows.append(
            f'<tr><th scope="row">{escape(x.person)}</th><td>{escape(month)}</td>'
            + "".join(f'<td class="n">{c}</td>' for c in cells)
            + "</tr>"
        )
        bars.append((f"{x.person}, {month}", x.estimated_minutes, x.logged_minutes))
    total = sum(x.cost for x in effort.lines)
    spent = sum(x.estimated_minutes + x.logged_minutes for x in effort.lines)
    head = "".join(f'<th scope="col"{" class=n" if i > 1 else ""}>{escape(h)}</th>' for i, h in enumerate(heads))
    share = (
        f"<p>{escape(_('Share of all mail on the server: %s%%') % _number(effort.share_of_traffic * 100, page, 1))}</p>"
        if effort.share_of_traffic is not None
        else ""
    )
    return (
        f"<p>{escape(_('Estimate: %s.') % formula_in_words(effort.formula, page.language))} {escape(rule_in_words(page.language))}.</p>"
        f"<p><b>{escape(_('Total: %s hours, %s %s') % (clock(spent), _amount(total, page), effort.currency)).strip()}</b></p>{share}"
        f'<figure class="picture">{_bars(bars, most, page)}</figure>'
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(_("Effort per person and month"))}"><table><caption>{escape(_("Effort per person and month"))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _number(value: float, page: Page, digits: int = 0) -> str:
    """A number as the page's language writes it: 2 281,9 in Russian, 2,281.9 in English."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(value, format=pattern, locale=page.language))


def _amount(value: float, page: Page) -> str:
    """A rate or a sum: two decimals, more only where the configuration gives the rate more."""
    return str(format_decimal(round(value, 6), format="#,##0.00####", locale=page.language))


def _bars(bars: Sequence[tuple[str, float, float]], most: float, page: Page) -> str:
    _ = page._
    if not bars or most <= 0:
        return ""
    height = 24 * len(bars) + 30
    parts = []
    for i, (label, estimated, logged) in enumerate(bars):
        y = 8 + 24 * i
        first, second = 480 * estimated / most, 480 * logged / most
        parts.append(f'<text x="0" y="{y + 12}" font-size="12" fill="#1a1a1a">{escape(label)}</text>')
        parts.append(f'<rect x="300" y="{y}" width="{first:.1f}" height="16" fill="#5c5c5c"/>')
        parts.append(
            f'<rect x="{300 + first:.1f}" y="{y}" width="{second:.1f}" height="16" fill="#ffffff" stroke="#5c5c5c"/>'
        )
        parts.append(
            f'<text x="{306 + first + second:.1f}" y="{y + 12}" font-size="12" fill="#1a1a1a">{clock(estimated + logged)}</text>'
        )
    legend = _("dark: estimated hours; white: logged hours")
    parts.append(f'<text x="300" y="{height - 8}" font-size="11" fill="#1a1a1a">{escape(legend)}</text>')
    title = escape(_("Hours per person and month"))
    desc = escape("; ".join(f"{label}: {clock(a + b)}" for label, a, b in bars))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 {height}" width="850" height="{height}" role="img" aria-labelledby="effort-title effort-desc"'
        f' font-family="sans-serif"><title id="effort-title">{title}</title><desc id="effort-desc">{desc}</desc>'
        f'<rect width="850" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )
