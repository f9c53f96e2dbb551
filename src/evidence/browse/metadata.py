"""What Datasette is told about the tables and views: titles, descriptions of each column, facets, order, what is hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SHA = "SHA-256 of the message's exact bytes, lower-case hexadecimal"
AT = "The time that orders and counts, UTC; at_clock says which clock it is"
REVIEW = "The last decision of a person: unreviewed, accepted or rejected"
SPEAKER = "Whose words these are: us, client or third"

VIEWS: dict[str, dict[str, Any]] = {
    "messages": {
        "title": "Messages",
        "description": "One row per stored message with what was read out of it. The original is on the message's page.",
        "facets": ["speaker", "person", "kind", "scope", "folder"],
        "sort_desc": "at",
        "columns": {
            "number": "Row id in the archive, in order of first acquisition", "sha256": SHA, "size": "Size of the original in bytes",
            "message_id": "Message-ID header; may repeat or be missing", "date": "Date header in ISO 8601 with its own offset",
            "at": AT, "at_clock": "date, received, internaldate or capture", "at_note": "Where the clocks disagree by over ten minutes",
            "received_at": "Topmost Received header, UTC", "internal_at": "The server's INTERNALDATE, UTC", "captured_at": "When it was stored here, UTC",
            "speaker": SPEAKER, "person": "The sender as the configuration names them", "sender": "From address as written",
            "sender_name": "From display name as written", "subject": "Subject, decoded", "gist": "Subject or first own sentence",
            "scope": "in-scope, context or out-of-scope", "scope_reason": "Which header or link decided so",
            "withheld": "Always 0: counsel's withheld mail is in no view", "kind": "human, auto, bounce or list", "language": "Of the own words",
            "thread": "SHA-256 of the first message of the thread", "parent": "SHA-256 of the message replied to, if held",
            "own_words": "Number of the sender's own words", "copy_of": "SHA-256 of the first message of its group of copies; empty: it is the first",
            "attachments": "How many", "folder": "Folder of the first sighting", "failed": "Why it could not be read, if so",
        },
    },
    "flags": {
        "title": "Flags",
        "description": "A category with its quote. The quote is the text of the part from start to end, in Unicode code points.",
        "facets": ["category", "subtype", "tier", "speaker", "review", "person"],
        "sort": "at",
        "columns": {
            "id": "Stable id: the same after a reindex", "sha256": SHA, "number": "Row id of the message", "at": AT, "speaker": SPEAKER,
            "category": "What kind of statement", "subtype": "Narrower kind", "part": "body, subject, display-name:HEADER or attachment:N",
            "quote": "The words themselves", "start": "First code point", "end": "Code point after the last",
            "tier": "stated: an exact rule; possible: waits for a person", "rule": "Rule that found it", "pack": "Rule pack, version and hash",
            "why": "Why the rule fits", "score": "0 to 1, orders the review queue", "review": REVIEW, "reviewed_category": "Category a person chose instead",
            "reviewed_by": "Who decided", "reviewed_at": "When, UTC", "review_note": "The person's note", "is_copy": "1: stands in a copy of another message",
        },
    },
    "requests": {
        "title": "Requests",
        "description": "What one side asked of the other, and what a search of this archive found of an answer. Other channels were not searched.",
        "facets": ["asker", "outcome", "kind", "tier", "review"],
        "sort": "asked_at",
        "columns": {
            "id": "Stable id", "sha256": SHA, "quote": "The words of the request", "asker": "us or client", "kind": "question, document, action or payment",
            "asked_at": "UTC", "due_at": "End of the time to answer, UTC", "outcome": "What holds now: a person's decision, else what was found",
            "found_outcome": "What the search found", "answering_sha256": "The message that answers", "answer_quote": "Its words",
            "other_messages": "JSON: later messages of theirs in which no answer was found", "waited_days": "Days until the answer or the judging date",
            "waited_working_days": "The same in working days", "repeats": "Id of the request it repeats", "searched": "JSON: which folders, up to which UID and time, which addresses",
            "review": REVIEW, "reviewed_by": "Who decided",
        },
    },
    "sightings": {
        "title": "Sightings",
        "description": "Each place and time where a message was seen, and where it is no longer.",
        "facets": ["account", "folder", "scope"],
        "columns": {
            "sha256": SHA, "account": "Account of the configuration", "folder": "Folder on the server", "uidvalidity": "IMAP UIDVALIDITY", "uid": "IMAP UID",
            "internal_date": "INTERNALDATE as the server wrote it", "server_size": "RFC822.SIZE as the server stated it", "flags": "JSON: IMAP flags",
            "seen_at": "When first seen there, UTC", "source": "File it was imported from", "gone_at": "When it was found missing, UTC", "gone_kind": "gone or moved",
        },
    },
    "attachments": {
        "title": "Attachments",
        "facets": ["content_type"],
        "columns": {
            "message_sha256": SHA, "number": "Counts from 1", "filename": "As the sender wrote it", "safe_name": "Harmless as a file name here",
            "size": "Bytes, decoded", "sha256": "SHA-256 of the decoded bytes",
        },
    },
    "trails": {
        "title": "Delivery paths",
        "description": "What is odd about the Received trail, and what other servers claim to have checked. Remarks, not verdicts.",
        "facets": ["kind", "what"],
        "columns": {"sha256": SHA, "kind": "observation or claim", "what": "The remark, or the header the claim stands in", "detail": "Hosts and times, or the claim as its server words it"},
    },
    "signatures": {
        "title": "DKIM signatures",
        "description": "One row per DKIM-Signature header and what checking it gave.",
        "facets": ["result", "domain"],
        "columns": {
            "sha256": SHA, "domain": "Who signed (d=)", "selector": "Which key (s=)", "result": "What the check gave", "reason": "Why",
            "signed_headers": "Which headers are covered (h=)", "length_tag": "How much of the body is covered, where not all (l=)",
        },
    },
    "people": {"title": "People", "facets": ["party"], "sort_desc": "messages", "columns": {"party": SPEAKER, "address": "As written, domain in lower case", "messages": "In how many messages"}},
    "folders": {
        "title": "Completeness by folder",
        "description": "The last acquisition of each folder and UIDVALIDITY. on_server = in_scope + context + out_of_scope + owed.",
        "columns": {
            "on_server": "Messages the server had", "in_scope": "Stored: sender on one side, a recipient on the other", "context": "Stored: the rest",
            "out_of_scope": "Looked at and not archived", "owed": "Requested and not received", "vanished": "Were there before and are not now", "last_uid": "All UIDs up to here were looked at",
        },
    },
    "owed_now": {"title": "Not retrieved", "description": "Requested from the server and not received so far.", "columns": {"what": "What is missing", "reason": "Why it was not received"}},
    "acquisitions": {"title": "Acquisitions", "facets": ["kind", "outcome"], "sort_desc": "id", "columns": {"record": "JSON: versions, host, operator, scope", "result": "JSON: greeting, TLS peer, clock offset, counts, errors"}},
    "observations": {"title": "Observations", "facets": ["severity", "kind"], "columns": {"severity": "note or alarm", "detail": "JSON"}},
    "outside_files": {"title": "Files from outside mail", "facets": ["kind"], "columns": {"event_date": "When what it shows took place, as stated by who added it", "added_by": "Who added it"}},
    "anchors": {"title": "Anchors", "description": "Trusted time stamps, or a witness's mail, over the log's root.", "columns": {"root": "Merkle root that was stamped", "size": "Events under it", "test": "1: from a test authority, proves nothing", "renew_by": "Before its certificate runs out"}},
    "bundles": {"title": "Bundles issued", "sort_desc": "number", "columns": {"root": "Log root at the time", "log_size": "Events at the time", "pdf_sha256": "SHA-256 of the PDF"}},
    "exhibits": {"title": "Exhibits", "columns": {"number": "Frozen once issued", "kind": "message or file", "bundle": "Number of the bundle it was first in"}},
    "custody_log": {
        "title": "Custody log",
        "description": "Every event as a leaf of a Merkle log (RFC 9162): leaf = SHA-256(0x00 || body).",
        "facets": ["kind", "table"],
        "sort_desc": "seq",
        "columns": {"seq": "Index of the leaf", "at": "UTC", "kind": "What happened", "table": "Which table's row it binds", "leaf": "Hexadecimal", "body": "Canonical JSON (RFC 8785)"},
    },
    "reviews_latest": {"title": "Decisions in force", "facets": ["target", "decision", "actor"], "columns": {"target": "flag or request", "target_id": "Its id", "event": "Custody event"}},
    "selections_latest": {"title": "Included and excluded", "facets": ["action"], "columns": {"sha256": SHA, "action": "include or exclude", "reason": "As given"}},
}  # fmt: skip

# Storage that holds what was written, by whom and to whom, counsel's mail included, or whole files: neither listed nor served.
# The views above show the same rows without what is withheld; originals and files are on their own pages.
CLOSED_TABLES = frozenset({
    "message", "sighting", "outside_chunk", "parsed_message", "participant", "text_part", "zone", "attachment", "dkim", "trail", "flag",
    "request", "reading", "observation", "redaction", "proposal", "rendered",
    "search", "search_data", "search_idx", "search_content", "search_docsize", "search_config",
})  # fmt: skip

TABLES: dict[str, dict[str, Any]] = {
    "event": {"title": "event (custody log)", "sort_desc": "seq", "size": 50},
    "review": {"title": "review (every decision ever taken)", "facets": ["target", "decision", "actor"], "sort_desc": "id"},
    "folder_state": {"size": 50},
    "derived_state": {"hidden": True},
}  # fmt: skip

SETTINGS = {
    "default_allow_sql": False,
    "allow_download": False,
    "sql_time_limit_ms": 2000,
    "facet_time_limit_ms": 500,
    "max_returned_rows": 1000,
    "max_csv_mb": 100,
    "suggest_facets": False,
    "default_cache_ttl": 0,
    "truncate_cells_html": 600,
}


def metadata(database: str, title: str) -> dict[str, Any]:
    """Datasette's metadata for one archive under the name ``database``."""
    hidden = {name: {"hidden": True} for name in sorted(CLOSED_TABLES)}
    return {
        "title": title,
        "databases": {
            database: {
                "title": title,
                "description": "Plural names are documented views; singular names are how it is stored. What holds mail is not served as stored: use the views.",
                "tables": {**VIEWS, **TABLES, **hidden},
            }
        },
    }


def write_metadata(folder: Path, *, database: str | None = None, title: str = "") -> tuple[Path, Path]:
    """``metadata.yml`` (Datasette 0.65) and ``datasette.yaml`` (1.0) in ``folder``, so that ``datasette FOLDER/`` works on both.

    ``database`` is the archive's file name without its ending; None: the first .db file there, else ``archive``.
    """
    import yaml  # type: ignore[import-untyped]  # Datasette brings PyYAML

    if database is None:
        database = next((p.stem for p in sorted(folder.glob("*.db"))), "archive")
    head = "# Written by evidence. Opens the archive with: datasette .\n"
    told = metadata(database, title or database)
    old, new = folder / "metadata.yml", folder / "datasette.yaml"
    for path, told_here in ((old, told), (new, {"settings": SETTINGS, **told})):
        path.write_text(head + yaml.safe_dump(told_here, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return old, new
