"""What a run says when it ends, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.cli.text import _, ngettext

if TYPE_CHECKING:
    from evidence.pipeline import AcquireReport


def report_lines(report: AcquireReport) -> list[str]:
    """One line an account, then what is owed, what vanished, and whether the log was anchored."""
    lines = []
    for account in report.accounts:
        if account.error:
            lines.append(_("{account}: failed. {error}").format(account=account.account, error=account.error))
            continue
        if report.dry_run:
            found = ngettext("{n} message would be archived", "{n} messages would be archived", account.new)
        elif account.new == 0:
            found = _("nothing new")
        else:
            found = ngettext("{n} new message archived", "{n} new messages archived", account.new)
        lines.append(f"{account.account}: {found.format(n=account.new)}")
        if account.vanished:
            gone = ngettext(
                "{n} message is no longer where it was; our copy stays, and the disappearance is recorded",
                "{n} messages are no longer where they were; our copies stay, and the disappearance is recorded",
                account.vanished,
            )
            lines.append("  " + gone.format(n=account.vanished))
        if account.owed:
            owed = ngettext(
                "{n} item was not retrieved and will be requested again:",
                "{n} items were not retrieved and will be requested again:",
                len(account.owed),
            )
            lines.append("  " + owed.format(n=len(account.owed)))
            lines.extend(f"    {item}" for item in account.owed[:20])
        lines.extend(f"  {note}" for note in account.notes)
    lines.extend(report.warnings)
    if report.anchored:
        lines.append(_("The log was time-stamped: {when}.").format(when=report.anchored))
    if report.anchor_error:
        lines.append(
            _("The time stamp could not be obtained; the next run will request it again: {error}").format(
                error=report.anchor_error
            )
        )
    return lines
