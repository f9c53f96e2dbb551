"""From a case file to ``bundles/NNNN-KIND/bundle.pdf``: the stage on one page.

1. ``select`` what goes in, and number it.  2. ``exhibits`` reads each letter.  3. ``pages`` makes HTML.
4. ``pdf`` renders it in chunks, in limited children, from the cache where it can.  5. The front matter is laid out once,
its page numbers filled in.  6. ``assemble`` joins all parts.  The folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

from evidence import ports
from evidence.bundle import kinds
from evidence.bundle.assemble import STAMPED, Bookmark, Embedded, MessagePages, Metadata, assemble, offsets
from evidence.bundle.back import back_values, headers_values
from evidence.bundle.exhibits import Exhibit, build, known_addresses
from evidence.bundle.front import Brief, front_values, kind_name, moment, recipients_of
from evidence.bundle.options import (
    BundleManifest,
    BundleOptions,
    BundleResult,
    ManifestExhibit,
    ManifestFile,
    ManifestRow,
)  # fmt: skip
from evidence.bundle.outside import LARGEST_DRAWN, Drawn, draw, joined
from evidence.bundle.pages import Pages, pictures_of
from evidence.bundle.pdf import DEADLINE, Chunk, Rendered, Renderer, RenderFailure
from evidence.bundle.redact import Redactions, redactions
from evidence.bundle.select import Selection, select
from evidence.bundle.text import Words, one_line, visible
from evidence.config import Config
from evidence.errors import EvidenceError, UsageError
from evidence.ports import IssuedBundle, IssuedExhibit, OutsideFile
from evidence.reckoning import Assessment, TimelineEntry

EXHIBITS_A_CHUNK = 20
HEADERS_A_CHUNK = 60


def produce(
    case: ports.CaseFile,
    config: Config,
    options: BundleOptions,
    *,
    assessment: Assessment | None,
    entries: Sequence[TimelineEntry],
    picture: str,
    now: datetime,
    out: Path,
    progress: ports.Progress,
) -> BundleResult:
    """Write ``out/NNNN-KIND/bundle.pdf`` and ``bundle.pdf.sha256`` and say what they hold. Writes nothing else anywhere.

    ``case`` is read at the log size it was opened at; ``options.at_size`` names it. ``picture`` is SVG or empty.
    Raises UsageError when the options contradict the archive, EvidenceError when the folder is there already.
    """
    brief = _brief(case, config, options, assessment, entries, picture, now)
    folder = out / f"{brief.number:04d}-{'supplement' if options.supplement else options.kind}"
    if folder.exists():
        raise EvidenceError(
            f"{folder} is there already.", "An issued bundle is never overwritten.", "Name another folder or number."
        )
    out.mkdir(parents=True, exist_ok=True)
    return _Maker(brief, now, progress).make(out, folder)


def _brief(
    case: ports.CaseFile,
    config: Config,
    options: BundleOptions,
    assessment: Assessment | None,
    entries: Sequence[TimelineEntry],
    picture: str,
    now: datetime,
) -> Brief:
    language = options.language or config.matter.language
    words = Words(language, config.zone, config.matter.timezone)
    reviews, flags = case.reviews(), tuple(case.flags())
    issued_bundles, issued = tuple(case.bundles()), tuple(case.exhibits())
    if options.supplement and not issued_bundles:
        raise UsageError(
            "There is no bundle to supplement.",
            "No bundle has been issued from this archive.",
            "Run `evidence bundle` first.",
        )
    letters = tuple(case.letters())
    selection = select(
        letters=letters,
        everything=case.letters(everything=True),
        files=case.outside_files(),
        issued=issued,
        selections=case.selections(),
        flags=flags,
        reviews=reviews,
        options=options,
        zone=config.zone,
    )
    day = options.dated or now.astimezone(config.zone).date()
    ours = [a for p in (config.us, *config.us.staff) for a in p.addresses]
    theirs = [a for p in (config.client, *config.client.delegates) for a in p.addresses]
    return Brief(
        case=case,
        config=config,
        options=options,
        words=words,
        selection=selection,
        head=case.head(options.at_size),
        number=options.number or max((b.number for b in issued_bundles), default=0) + 1,
        dated=datetime.combine(day, time(12), tzinfo=UTC),
        flags=flags,
        requests=tuple(case.requests()),
        reviews=reviews,
        assessment=assessment,
        entries=entries,
        picture=picture,
        known=known_addresses(ours, theirs),
        supplements=_last(issued_bundles) if options.supplement else None,
        letters={sha: x for x in letters for sha in (x.sha256, *x.copies) if x.sha256 in selection.numbers},
    )


def _last(bundles: Sequence[IssuedBundle]) -> IssuedBundle | None:
    return max(bundles, key=lambda b: b.number, default=None)


class _Maker:
    """One bundle being made: the values that several steps share."""

    def __init__(self, brief: Brief, now: datetime, progress: ports.Progress) -> None:
        self.b = brief
        self.now = now
        self.progress = progress
        self.notes: list[str] = []
        rows = tuple(brief.case.redactions())
        texts = {
            r["sha256"]: brief.case.parsed(r["sha256"]).texts for r in rows if r["kind"] == "passage" and r["sha256"]
        }
        self.hidden: Redactions = redactions(rows, texts)
        self.pages = Pages(brief.words, one_line(brief.config.matter.title), self.hidden)

    # ---- steps -----------------------------------------------------------------------------

    def make(self, out: Path, folder: Path) -> BundleResult:
        b = self.b
        with Renderer(out / ".cache", b.options.jobs) as renderer:
            stamp = renderer.render(Chunk(self.pages.finish(f'<p class="s">0 / 0{_escaped(STAMPED)}</p>')))
            if b.options.kind == "notary":
                exhibits = self._read(renderer)
                files: list[tuple[OutsideFile, Drawn, str, bytes | None]] = []
                parts, pages_of = self._notary(renderer, exhibits)
                embedded: list[Embedded] = []
                rows: list[ManifestRow] = []
                bookmarks = [Bookmark(kind_name(b), "s-notary")]
            else:
                exhibits = self._read(renderer)
                files = self._files(renderer)
                names = {f"file:{f.id}": name for f, _, name, _ in files if name}
                middle = self._exhibit_parts(renderer, exhibits, files)
                back = self._back_parts(renderer, exhibits, names)
                parts, rows = self._front(renderer, [*middle, *back])
                bookmarks = self._bookmarks(exhibits, files)
                embedded = self._embedded(exhibits, files)
                pages_of = _page_spans(parts, exhibits, files, b.selection)
            self.progress.step(b._("Assembling"), 0, None)
            return self._finish(out, folder, parts, stamp, bookmarks, embedded, exhibits, files, pages_of, rows)

    def _read(self, renderer: Renderer) -> list[Exhibit]:
        b = self.b
        letters = sorted(b.selection.letters, key=lambda x: b.selection.numbers[x.sha256])
        found = []
        for done, letter in enumerate(letters, start=1):
            found.append(build(b.case, letter, b.selection, self.hidden, renderer, b.known))
            self.progress.step(b._("Reading letters"), done, len(letters))
        return found

    def _files(self, renderer: Renderer) -> list[tuple[OutsideFile, Drawn, str, bytes | None]]:
        """Outside files with what is drawn of them, the name they are embedded under, and their octets if embedded."""
        b = self.b
        limit = b.config.bundle.embed_max_mb * 1_000_000
        found: list[tuple[OutsideFile, Drawn, str, bytes | None]] = []
        for file in b.selection.files:
            octets = joined(b.case.outside_stream(file.id), max(limit, LARGEST_DRAWN))
            drawn = Drawn(why="large") if octets is None else draw(renderer, octets, file.content_type, file.filename)
            fits = octets is not None and len(octets) <= limit
            number = b.selection.numbers[f"file:{file.id}"]
            name = f"{number:04d}-{_plain_name(file.filename)}" if fits else ""
            found.append((file, drawn, name, octets if fits else None))
        return found

    def _exhibit_parts(
        self,
        renderer: Renderer,
        exhibits: Sequence[Exhibit],
        files: Sequence[tuple[OutsideFile, Drawn, str, bytes | None]],
    ) -> list[Rendered]:
        """Pages of every exhibit, in order of number. A chunk that breaks its limits is rendered letter by letter."""
        groups = [exhibits[i : i + EXHIBITS_A_CHUNK] for i in range(0, len(exhibits), EXHIBITS_A_CHUNK)]
        chunks = [self._chunk(g) for g in groups]
        outcomes = renderer.render_all(
            chunks, lambda done: self.progress.step(self.b._("Drawing pages"), done, len(chunks))
        )
        parts: list[Rendered] = []
        for group, outcome in zip(groups, outcomes, strict=True):
            if isinstance(outcome, Rendered):
                parts.append(outcome)
            else:
                parts += [self._single(renderer, e) for e in group]
        for file, drawn, name, _ in files:
            number = self.b.selection.numbers[f"file:{file.id}"]
            bears_on = [str(self._claim_title(what, key)) for what, key in file.bears_on]
            html = self.pages.finish(self.pages.outside(file, number, drawn, name, bears_on))
            parts.append(renderer.render(Chunk(html, pictures_of([drawn]))))
        return parts

    def _claim_title(self, what: str, key: str) -> str:
        if what == "claim":
            return next((str(c["title"] or c["name"]) for c in self.b.case.claims() if c["name"] == key), key)
        return key

    def _chunk(self, group: Sequence[Exhibit]) -> Chunk:
        html = self.pages.finish(*(self.pages.exhibit(e) for e in group))
        pictures = pictures_of([a.drawn for e in group for a in e.attachments])
        hostile = any((e.html and e.html.boxes) or e.body.total > 20_000 for e in group)
        return Chunk(html, pictures, seconds=DEADLINE + 4 * len(group) if hostile else 300)

    def _single(self, renderer: Renderer, e: Exhibit) -> Rendered:
        """One exhibit alone; without the sender's markup and pictures when even that breaks the limits."""
        try:
            return renderer.render(replace(self._chunk([e]), seconds=DEADLINE))
        except RenderFailure as failure:
            self.notes.append(
                self.b._("Exhibit %(number)s is printed as text only (%(why)s).")
                % {"number": e.number, "why": failure.reason}
            )
        try:
            return renderer.render(replace(self._chunk([e.as_text("time")]), seconds=120))
        except RenderFailure as failure:
            raise EvidenceError(
                f"Exhibit {e.number} cannot be printed even as text.",
                failure.reason,
                "Exclude it with a reason, or report it.",
            ) from failure

    def _back_parts(self, renderer: Renderer, exhibits: Sequence[Exhibit], names: Mapping[str, str]) -> list[Rendered]:
        values = back_values(self.b, exhibits, names)
        items = [headers_values(self.b, e) for e in exhibits]
        groups = [items[i : i + HEADERS_A_CHUNK] for i in range(0, len(items), HEADERS_A_CHUNK)]
        chunks = [Chunk(self.pages.finish(self.pages.part("back.html", b=values)))]
        chunks += [
            Chunk(self.pages.finish(self.pages.part("headers.html", items=group, first=index == 0)))
            for index, group in enumerate(groups)
        ]
        chunks.append(Chunk(self.pages.finish(self.pages.part("hashes.html", b=values))))
        return [_rendered(o) for o in renderer.render_all(chunks, lambda done: None)]

    def _front(self, renderer: Renderer, following: list[Rendered]) -> tuple[list[Rendered], list[ManifestRow]]:
        """The front matter, laid out once: pages behind it are known, its own are counted as it is laid out."""
        b = self.b
        after = {
            name: start + page
            for part, start in zip(following, offsets(following), strict=True)
            for name, (page, _, _) in part.places.items()
        }
        total = sum(p.pages for p in following) + 12 + len(b.selection.letters) // 14
        self.pages.digits = "0" * len(str(total))
        values, rows = front_values(b, self.pages, self._contents(after))
        bodies = []
        if b.options.kind == "police":
            bodies.append(self.pages.part(f"police_{b.words.language}.html", p=kinds.police_values(b)))
        bodies.append(self.pages.part("front.html", f=values))
        front = renderer.render(Chunk(self.pages.finish(*bodies), numbers=after))
        return [front, *following], rows

    def _notary(
        self, renderer: Renderer, exhibits: Sequence[Exhibit]
    ) -> tuple[list[Rendered], dict[int, tuple[int, int]]]:
        html = self.pages.finish(self.pages.part("notary.html", n=kinds.notary_values(self.b, exhibits)))
        return [renderer.render(Chunk(html))], {}

    # ---- lists -----------------------------------------------------------------------------

    def _sections(self) -> list[tuple[str, str]]:
        _, b = self.b._, self.b
        sections = [
            ("s-cover", _("Cover")),
            ("s-contents", _("Contents")),
            ("s-verify", _("How to verify this bundle")),
            ("s-court", _("Four questions a court asks of mail")),
            ("s-custody", _("Statement of custody")),
            ("s-people", _("People and addresses")),
            ("s-summary", _("Summary")),
            ("s-picture", _("The correspondence over time")),
            ("s-chronology", _("Chronology")),
            ("x", _("Exhibits")),
            ("s-complete", _("Statement of completeness")),
            ("s-dkim", _("Domain signatures (DKIM)")),
            ("s-headers", _("Full headers")),
            ("s-hashes", _("List of hashes")),
            ("s-log", _("Custody log and anchors")),
        ]
        if b.options.kind == "police":
            sections.insert(0, ("s-police", _("Statement of events")))
        return [(a, t) for a, t in sections if a != "s-picture" or b.picture]

    def _contents(self, after: Mapping[str, int]) -> list[dict[str, str]]:
        b = self.b
        found = []
        numbers = sorted(int(name[1:]) for name in after if name[0] == "x" and name[1:].isdigit())
        for anchor, title in self._sections():
            if anchor in ("s-cover", "s-contents"):
                continue
            if anchor == "x":
                if numbers:
                    found.append({"anchor": f"x{numbers[0]}", "title": title, "note": f"{numbers[0]}–{numbers[-1]}"})
                continue
            if anchor in after or anchor in ("s-headers",) or anchor.startswith("s-"):
                if anchor == "s-headers" and not b.selection.letters:
                    continue
                found.append({"anchor": anchor, "title": title, "note": ""})
        return found

    def _bookmarks(
        self, exhibits: Sequence[Exhibit], files: Sequence[tuple[OutsideFile, Drawn, str, bytes | None]]
    ) -> list[Bookmark]:
        b, words = self.b, self.b.words
        found = []
        for anchor, title in self._sections():
            if anchor == "s-headers" and not exhibits:
                continue
            if anchor != "x":
                found.append(Bookmark(title, anchor))
                continue
            items = []
            for e in exhibits:
                who = e.letter.person or e.letter.sender
                to = one_line(", ".join(recipients_of(e.letter)), 60)
                label = f"{e.number} · {words.short_day(e.letter.at)} · {who} → {to} · {one_line(e.parsed.subject, 80)}"
                items.append(Bookmark(self._clean(label), e.anchor, 2))
            for file, *_ in files:
                number = b.selection.numbers[f"file:{file.id}"]
                items.append(
                    Bookmark(
                        self._clean(f"{number} · {file.event_date} · {one_line(file.title, 100)}"), f"x{number}", 2
                    )
                )
            if items:
                found.append(Bookmark(title, items[0].anchor))
                found += items
        return found

    def _clean(self, text: str) -> str:
        return visible(self.hidden.burn(text))[0]

    def _embedded(
        self, exhibits: Sequence[Exhibit], files: Sequence[tuple[OutsideFile, Drawn, str, bytes | None]]
    ) -> list[Embedded]:
        b = self.b
        found = []
        for e in exhibits:
            if not e.embedded_as:
                continue
            raw = b.case.raw(e.letter.sha256)
            if hashlib.sha256(raw).hexdigest() != e.letter.sha256:
                raise EvidenceError(
                    f"The stored octets of exhibit {e.number} are not those of its hash.",
                    e.letter.sha256,
                    "Run `evidence verify`.",
                )
            what = b._("Exhibit %s") % e.number
            found.append(Embedded(e.embedded_as, raw, "message/rfc822", what, "Source", e.letter.at))
        for file, _, name, octets in files:
            if octets is not None:
                number = b.selection.numbers[f"file:{file.id}"]
                kind = file.content_type if "/" in file.content_type else "application/octet-stream"
                found.append(
                    Embedded(
                        name,
                        octets,
                        kind,
                        f"{b._('Exhibit %s') % number}: {self._clean(file.title)}",
                        "Source",
                        file.added_at,
                    )
                )
        return found

    # ---- the end ---------------------------------------------------------------------------

    def _finish(
        self,
        out: Path,
        folder: Path,
        parts: Sequence[Rendered],
        stamp: Rendered,
        bookmarks: Sequence[Bookmark],
        embedded: Sequence[Embedded],
        exhibits: Sequence[Exhibit],
        files: Sequence[tuple[OutsideFile, Drawn, str, bytes | None]],
        pages_of: Mapping[int, tuple[int, int]],
        rows: Sequence[ManifestRow],
    ) -> BundleResult:
        b = self.b
        total = sum(p.pages for p in parts)
        labels = self._bates(total)
        title = self._clean(f"{kind_name(b)} № {b.number:04d}: {b.config.matter.title}")
        metadata = Metadata(
            title=title,
            language=b.words.language,
            description=self._clean(f"{b.config.us.name} / {b.config.client.name}"),
            creator_tool=f"evidence {b.options.tool_version}".strip(),
            dated=b.dated,
            properties={
                "logRoot": b.head.root,
                "logSize": str(b.head.size),
                "bundleNumber": str(b.number),
                "kind": b.options.kind,
            },
        )
        texts = {e.anchor: f"{b._('Exhibit %s') % e.number}" for e in exhibits}
        texts |= dict(self._sections())
        messages = [
            MessagePages(
                pages_of[e.number][0] - 1,
                pages_of[e.number][1] - 1,
                self._clean(e.parsed.message_id or ""),
                e.letter.sha256,
            )
            for e in exhibits
            if e.number in pages_of
        ]
        with tempfile.TemporaryDirectory(prefix=".making-", dir=out) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            pdf = made / "bundle.pdf"
            pages = assemble(
                parts, pdf, metadata=metadata, bookmarks=bookmarks, page_word=b._("p."), files=embedded, labels=labels,
                stamp=stamp, link_texts=texts, messages=messages,
            )  # fmt: skip
            digest = hashlib.sha256(pdf.read_bytes()).hexdigest()
            (made / "bundle.pdf.sha256").write_text(f"{digest}  bundle.pdf\n", "ascii")
            shutil.copystat(out, made)
            made.rename(folder)
        spans = {n: (labels[f - 1], labels[t - 1]) if labels else ("", "") for n, (f, t) in pages_of.items()}
        manifest = BundleManifest(
            title=b.config.matter.title,
            language=b.words.language,
            exhibits=self._manifest_exhibits(exhibits, files, pages_of, spans),
            chronology=tuple(
                replace(r, page=pages_of[r.exhibit][0]) if r.exhibit is not None and r.exhibit in pages_of else r
                for r in rows
            ),
            log_size=b.head.size,
            root=b.head.root,
            anchors=tuple(b.case.anchors()),
            earlier=(b.supplements.log_size, b.supplements.root) if b.supplements else None,
            consistency=tuple(b.case.consistency_proof(b.supplements.log_size, b.head.size)) if b.supplements else (),
            omitted=b.selection.omitted,
            withheld=b.selection.withheld,
            excluded=tuple(x.sha256 for x, _ in b.selection.excluded),
            replaced_characters=self.pages.replaced,
        )
        return BundleResult(
            number=b.number,
            kind=b.options.kind,
            folder=folder,
            pdf=folder / "bundle.pdf",
            pages=pages,
            pdf_sha256=digest,
            exhibits=self._frozen(spans),
            log_size=b.head.size,
            root=b.head.root,
            dated=b.dated.date().isoformat(),
            issued_at=self.now,
            language=b.words.language,
            supplements=b.supplements.number if b.supplements else None,
            options={**b.options.record(), "bates_last": _digits(labels[-1]) if labels else 0},
            manifest=manifest,
            notes=tuple(self.notes),
        )

    def _bates(self, total: int) -> list[str]:
        """Labels continue after the last one issued: no two pages ever carry the same."""
        prefix = self.b.config.bundle.bates_prefix
        if not prefix:
            return []
        start = max(
            (int(e.bates_last[len(prefix) :]) for e in self.b.case.exhibits()
             if e.bates_last.startswith(prefix) and e.bates_last[len(prefix) :].isdigit()),
            default=0,
        )  # fmt: skip
        start = max(start, *(int(b.options.get("bates_last", 0)) for b in self.b.case.bundles()), 0)
        return [f"{prefix}{start + i:06d}" for i in range(1, total + 1)]

    def _frozen(self, spans: Mapping[int, tuple[str, str]]) -> tuple[IssuedExhibit, ...]:
        b = self.b
        known = {(e.kind, e.sha256) for e in b.case.exhibits()}
        found: list[IssuedExhibit] = []
        for key, number in b.selection.numbers.items():
            if key.startswith("file:"):
                file = next(f for f in b.case.outside_files() if f"file:{f.id}" == key)
                kind, sha256 = "file", file.sha256
            else:
                kind, sha256 = "message", key
            if (kind, sha256) in known or any(e.kind == kind and e.sha256 == sha256 for e in found):
                continue
            first, last = spans.get(number, ("", ""))
            found.append(IssuedExhibit(number, kind, sha256, b.number, first, last))
        return tuple(sorted(found, key=lambda e: e.number))

    def _manifest_exhibits(
        self,
        exhibits: Sequence[Exhibit],
        files: Sequence[tuple[OutsideFile, Drawn, str, bytes | None]],
        pages_of: Mapping[int, tuple[int, int]],
        spans: Mapping[int, tuple[str, str]],
    ) -> tuple[ManifestExhibit, ...]:
        b = self.b
        found = [_manifest_message(e, pages_of.get(e.number, (0, 0)), spans.get(e.number, ("", ""))) for e in exhibits]
        for file, _, name, _octets in files:
            number = b.selection.numbers[f"file:{file.id}"]
            first, last = pages_of.get(number, (0, 0))
            found.append(
                ManifestExhibit(
                    number=number,
                    kind="file",
                    sha256=file.sha256,
                    copies=(),
                    first_page=first,
                    last_page=last,
                    bates_first=spans.get(number, ("", ""))[0],
                    bates_last=spans.get(number, ("", ""))[1],
                    at=moment(f"{file.event_date}T00:00:00+00:00" if len(file.event_date) == 10 else file.event_date),
                    title=file.title,
                    sender=file.added_by,
                    recipients=(),
                    side=None,
                    message_id=None,
                    embedded_as=name,
                    event=b.case.event_of("outside_file", file.id),
                    files=(
                        ManifestFile(
                            file.filename,
                            file.sha256,
                            file.size,
                            file.content_type,
                            outside=file.id,
                            embedded=bool(name),
                        ),
                    ),
                )
            )
        return tuple(found)


def _manifest_message(e: Exhibit, pages: tuple[int, int], bates: tuple[str, str]) -> ManifestExhibit:
    return ManifestExhibit(
        number=e.number,
        kind="message",
        sha256=e.letter.sha256,
        copies=e.letter.copies,
        first_page=pages[0],
        last_page=pages[1],
        bates_first=bates[0],
        bates_last=bates[1],
        at=e.letter.at,
        title=e.parsed.subject,
        sender=e.letter.sender,
        recipients=tuple(a.address for a in e.letter.addresses if a.header in ("to", "cc", "bcc")),
        side=e.letter.speaker,
        message_id=e.parsed.message_id,
        embedded_as=e.embedded_as,
        event=e.event,
        files=tuple(
            ManifestFile(
                a.attachment.safe_name,
                a.attachment.sha256,
                a.attachment.size,
                a.attachment.content_type,
                path=a.attachment.path,
                withheld="redacted" if a.withheld or e.withheld else "",
            )
            for a in e.attachments
        ),
        withheld=e.withheld,
    )


def _page_spans(
    parts: Sequence[Rendered],
    exhibits: Sequence[Exhibit],
    files: Sequence[tuple[OutsideFile, Drawn, str, bytes | None]],
    selection: Selection,
) -> dict[int, tuple[int, int]]:
    """First and last page, from 1, of every exhibit: each starts a page, the next one or its part's end closes it."""
    spans: dict[int, tuple[int, int]] = {}
    wanted = {e.number for e in exhibits} | {selection.numbers[f"file:{f.id}"] for f, *_ in files}
    for part, start in zip(parts, offsets(parts), strict=True):
        begins = sorted(
            (place[0], int(name[1:]))
            for name, place in part.places.items()
            if name[0] == "x" and name[1:].isdigit() and int(name[1:]) in wanted
        )
        for index, (page, number) in enumerate(begins):
            end = begins[index + 1][0] if index + 1 < len(begins) else part.pages
            spans[number] = (start + page + 1, start + max(end, page + 1))
    return spans


def _rendered(outcome: Rendered | RenderFailure) -> Rendered:
    if isinstance(outcome, RenderFailure):
        raise EvidenceError("A page of the bundle could not be drawn.", outcome.reason, "Report it.") from outcome
    return outcome


def _digits(label: str) -> int:
    """The running number of a Bates label: its last six or more digits."""
    return int(label[len(label.rstrip("0123456789")) :][-9:])


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)


def _plain_name(name: str) -> str:
    """A file name harmless everywhere: letters, digits, dot, hyphen, underscore, at most 60 characters."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name).strip("._") or "file"
    stem, dot, ending = kept.rpartition(".")
    return kept[:60] if not dot else f"{stem[: 59 - len(ending[:10])]}.{ending[:10]}"
