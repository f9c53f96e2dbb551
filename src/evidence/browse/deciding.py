"""What a person writes: decisions of the review queue, answers of the assessment, what a bundle takes; and the door to that right."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from datasette.utils.asgi import Forbidden, NotFound, Response

from evidence.browse import access, ledgers, reviewing, words
from evidence.browse.pages import BASE, args_of, link, local_path, page, page_number, the_site, words_of
from evidence.browse.reading import ledger
from evidence.browse.site import Site, read
from evidence.errors import EvidenceError
from evidence.model import CATEGORIES


async def _form(datasette: Any, request: Any) -> tuple[Site, access.Session, dict[str, str]]:
    """The fields of a form from a browser that may write. Raises Forbidden."""
    site = the_site(datasette)
    said = words_of(site, request)
    session = access.session_of(datasette, site, request)
    if session is None:
        raise Forbidden(
            said._("This browser has read-only access. To decide, open the address that `evidence browse` printed.")
        )
    if int(request.headers.get("content-length") or 0) > access.MAX_FORM_BYTES:
        raise Forbidden(said._("The form is too large."))
    fields = await request.post_vars()
    if not access.form_is_ours(session, fields):
        raise Forbidden(said._("The form is out of date. Reload the page and try again."))
    return site, session, fields


async def _write(site: Site, call: Callable[[], int]) -> tuple[int, str]:
    """(row id, what went wrong in words). Writes come one after another: the writer has one connection."""
    lock = site.cache.setdefault("write-lock", asyncio.Lock())
    async with lock:
        try:
            return await asyncio.to_thread(call), ""
        except EvidenceError as error:
            return 0, str(error)


async def review_page(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    args = args_of(request)
    choice, after = reviewing.choice_from(args), args.get("after", "")
    found = await read(datasette, site, lambda conn: reviewing.queue(conn, choice, page_number(args), after))
    again = {**choice.parameters(), "page": found.number if found.number > 1 else "", "after": found.after}
    values = {
        "queue": found, "choice": choice, "here": "review", "categories": list(CATEGORIES), "message": args.get("said", "")[:300],
        "wrong": args.get("wrong") == "1", "undo": args.get("undo", ""), "again": link(f"{BASE}/review", again),
    }  # fmt: skip
    return await page(datasette, request, "review.html", values)


async def review_item(datasette: Any, request: Any) -> Response:
    """GET shows one flag or request with everything that can be decided about it; POST decides and goes back to the queue."""
    if request.method == "POST":
        return await decide(datasette, request)
    site = the_site(datasette)
    what, id_ = request.url_vars["what"], request.url_vars["id"]

    def fetch(conn: sqlite3.Connection) -> Any:
        history = conn.execute(
            "SELECT * FROM review WHERE target = ? AND target_id = ? ORDER BY id", (what, id_)
        ).fetchall()
        notes = conn.execute(
            "SELECT * FROM note WHERE target = ? AND target_id = ? ORDER BY id", (what, id_)
        ).fetchall()
        return (
            reviewing.item(conn, what, id_),
            history,
            notes,
            reviewing.candidates(conn, id_) if what == "request" else [],
        )

    item, history, notes, candidates = await read(datasette, site, fetch)
    if item is None:
        raise NotFound(words_of(site, request)._("This flag or request can no longer be found."))
    values = {"item": item, "history": history, "notes": notes, "candidates": candidates, "here": "review", "categories": CATEGORIES,
              "back": local_path(args_of(request).get("back", ""), f"{BASE}/review")}  # fmt: skip
    return await page(datasette, request, "item.html", values)


async def decide(datasette: Any, request: Any) -> Response:
    site, session, fields = await _form(datasette, request)
    said = words_of(site, request)
    what, id_ = request.url_vars["what"], request.url_vars["id"]
    seen = fields.get("seen", "")
    expect = int(seen) if seen.isdecimal() and len(seen) < 16 else 0
    act, note = fields.get("act", ""), fields.get("note", "").strip()
    writer = site.writer
    assert writer is not None  # noqa: S101 - session_of gives a session only where there is a writer
    item = await read(datasette, site, lambda conn: reviewing.item(conn, what, id_))
    if item is None:
        raise NotFound(said._("This flag or request can no longer be found."))
    current = {"decision": item.row["review"], "category": item.row.get("decided_category"), "note": item.row.get("decided_note"),
               "outcome": item.row.get("decided_outcome"), "answering_sha256": item.row.get("decided_answer")}  # fmt: skip
    if act == "note":
        if not note:
            return _decided(request, fields, {"ok": False, "message": said._("The note is empty.")})
        row, wrong = await _write(site, lambda: writer.note(what, id_, note, actor=session.actor))
        return _decided(
            request, fields, {"ok": not wrong, "message": wrong or said._("Note added."), "seen": expect, "note": note}
        )
    if act == "undo":  # of the decision named, which after an earlier undo is not the last row
        undone = fields.get("undone", "")
        of = int(undone) if undone.isdecimal() and len(undone) < 16 else expect
        decision = await read(datasette, site, lambda conn: reviewing.previous(conn, what, id_, of))
    elif act in ("accept", "reject", "reopen"):
        chosen = {"accept": "accepted", "reject": "rejected", "reopen": "unreviewed"}[act]
        decision = {**current, "decision": chosen, "note": note}
        if act == "reopen":
            decision |= {"category": None, "outcome": None, "answering_sha256": None}
    elif act == "category" and what == "flag" and fields.get("category", "").partition("/")[0] in CATEGORIES:
        decision = {**current, "decision": "accepted", "category": fields["category"], "note": note}
    elif act == "answered" and what == "request" and re.fullmatch(r"[0-9a-f]{64}", fields.get("answering", "")):
        answering = fields["answering"]
        became = await read(datasette, site, lambda conn: reviewing.outcome_of(conn, id_, answering))
        decision = {**current, "decision": "accepted", "outcome": became, "answering_sha256": answering, "note": note}
    elif act == "outcome" and what == "request" and fields.get("outcome") in words.OUTCOMES:
        decision = {
            **current,
            "decision": "accepted",
            "outcome": fields["outcome"],
            "answering_sha256": None,
            "note": note,
        }
    else:
        missing = {
            "category": said._("Choose a category first."),
            "answered": said._("Choose the message that answered it first."),
        }.get(act) or said._("The form is out of date. Reload the page and try again.")
        return _decided(request, fields, {"ok": False, "message": missing})
    row, wrong = await _write(
        site, lambda: reviewing.decide(writer, what, id_, decision, actor=session.actor, expect=expect)
    )
    after = await read(datasette, site, lambda conn: reviewing.item(conn, what, id_))
    if wrong and act != "undo" and after is not None and _says(after, decision, session.actor):
        wrong = ""  # pressed twice, or in two tabs: it stands as this person wants it
    answer: dict[str, Any] = {
        "ok": not wrong,
        "what": what,
        "id": id_,
        "seen": after.seen if after else row,
        "undo": row or None,
    }
    if after is not None:
        answer |= {
            "review": after.row["review"], "review_text": said.of(words.REVIEWS, after.row["review"]), "by": after.row["actor"] or "",
            "category_text": said.does(after.row["category"], after.row["subtype"]) if what == "flag" else said.of(words.OUTCOMES, after.row["outcome"]),
        }  # fmt: skip
    if wrong and after is not None and after.seen != expect:
        answer["conflict"] = True
        answer["message"] = said._(
            "Not saved: {who} has decided on this in the meantime: {what}. Look at it again and decide afresh."
        ).format(who=after.row["actor"], what=said.of(words.REVIEWS, after.row["review"]))
    else:
        answer["message"] = wrong or {
            "accept": said._("Accepted."), "reject": said._("Rejected."), "reopen": said._("Reopened."), "undo": said._("Undone."),
            "category": said._("Accepted in another category."), "answered": said._("Recorded: this message answered it."),
            "outcome": said._("Recorded."),
        }[act]  # fmt: skip
    return _decided(request, fields, answer)


def _says(item: reviewing.Item, decision: Mapping[str, Any], actor: str) -> bool:
    """Whether the last decision on it is this one, by this person."""
    names = {
        "category": "decided_category",
        "outcome": "decided_outcome",
        "answering_sha256": "decided_answer",
        "note": "decided_note",
    }
    return (
        item.row["actor"] == actor
        and item.row["review"] == decision["decision"]
        and all((item.row.get(of) or "") == (decision.get(name) or "") for name, of in names.items())
    )


def _decided(request: Any, fields: Mapping[str, str], answer: dict[str, Any]) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return Response.json(answer, status=200 if answer["ok"] else 409)
    back = local_path(fields.get("back", ""), f"{BASE}/review")
    path, _, query = back.partition("?")
    kept = [p for p in query.split("&") if p and not p.startswith(("said=", "undo=", "wrong="))]
    told = {"said": answer["message"]} | ({} if answer["ok"] else {"wrong": "1"})
    if answer.get("undo") and fields.get("act") != "undo":
        told["undo"] = f"{answer['what']}/{answer['id']}/{answer['undo']}"
    return Response.redirect(f"{path}?{'&'.join([*kept, urlencode(told)])}", status=303)


async def assessment_page(datasette: Any, request: Any) -> Response:
    if request.method == "POST":
        site, session, fields = await _form(datasette, request)
        question, answer, note = fields.get("question", ""), fields.get("answer", ""), fields.get("note", "").strip()
        if question not in ("1", "2", "3", "4") or answer not in words.ANSWERS:
            raise Forbidden(words_of(site, request)._("The form is out of date. Reload the page and try again."))
        writer = site.writer
        assert writer is not None  # noqa: S101 - as in decide
        _, wrong = await _write(site, lambda: writer.answer(int(question), answer, note=note, actor=session.actor))
        if wrong:
            return Response.redirect(link(f"{BASE}/assessment", {"said": wrong, "wrong": "1"}), status=303)
        return Response.redirect(f"{BASE}/assessment#question-{question}", status=303)
    counted = await the_site(datasette).recounted("assessment")
    return await ledger(datasette, request, "assessment", lambda conn: ledgers.assessment(conn, counted))


async def select_message(datasette: Any, request: Any) -> Response:
    if request.method != "POST":
        return Response.redirect(f"{BASE}/message/{request.url_vars['sha']}")
    site, session, fields = await _form(datasette, request)
    sha, action, reason = request.url_vars["sha"], fields.get("action", ""), fields.get("reason", "").strip()
    said = words_of(site, request)
    writer = site.writer
    assert writer is not None  # noqa: S101 - as in decide
    if action not in ("include", "exclude"):
        raise Forbidden(said._("The form is out of date. Reload the page and try again."))
    wrong = said._("Give a reason: it is printed with what was left out.")
    if reason:
        _, wrong = await _write(site, lambda: writer.select(sha, action, reason, actor=session.actor))
    if wrong:
        return Response.redirect(link(f"{BASE}/message/{sha}", {"said": wrong, "wrong": "1"}), status=303)
    return Response.redirect(f"{BASE}/message/{sha}#selection", status=303)


# ---- the door ------------------------------------------------------------------------------


async def enter(datasette: Any, request: Any) -> Response:
    """GET with the printed token lets this browser write. POST changes the name its decisions are logged under."""
    site = the_site(datasette)
    said = words_of(site, request)
    if request.method == "POST":
        site, _, fields = await _form(datasette, request)
        actor = " ".join(fields.get("actor", "").split())[:80]
        if not actor:
            raise Forbidden(said._("Give a name: each decision is logged under it."))
        answer = Response.redirect(local_path(fields.get("back", ""), "/"), status=303)
    else:
        if access.session_of(datasette, site, request) is not None:  # reloaded, or the ticket's tab opened anew
            return Response.redirect("/", status=303)
        if not access.token_opens(site, args_of(request).get("token", "")):
            raise Forbidden(
                said._(
                    "This address does not give you the right to decide. Use the one that `evidence browse` printed."
                )
            )
        actor = ""
        answer = Response.redirect("/", status=303)
    cookie = access.session_cookie(datasette, site, request, actor)
    answer.set_cookie(access.cookie_name(site), cookie, httponly=True, samesite="strict")
    return answer


async def leave(datasette: Any, request: Any) -> Response:
    site, _, _ = await _form(datasette, request)
    answer = Response.redirect("/", status=303)
    answer.set_cookie(access.cookie_name(site), "", max_age=0, httponly=True, samesite="strict")
    return answer


async def set_language(datasette: Any, request: Any) -> Response:
    the_site(datasette)
    answer = Response.redirect(local_path(args_of(request).get("back", ""), "/"), status=303)
    answer.set_cookie(access.LANGUAGE_COOKIE, request.url_vars["language"], max_age=365 * 24 * 3600, samesite="strict")
    return answer
