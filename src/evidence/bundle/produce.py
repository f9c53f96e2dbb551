"""From a case file to ``bundles/NNNN-KIND/bundle.pdf``: the stage on one page.

1. ``select`` what goes in, and number it.  2. ``exhibits`` reads each letter.  3. ``pages`` makes HTML.
4. ``parts`` cuts it into chunks, and ``pdf`` renders them in limited children, from the cache where it can.  5. ``assemble``
joins all parts and writes the page numbers into them.  The folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from html import escape
from pathlib import Path

from evidence import ports
from evidence.bundle.assemble import assemble
from evidence.bundle.brief import Brief, kind_name
from evidence.bundle.catalog import Bookmark, Embedded, MessagePages, Metadata
from evidence.bundle.contents import bookmarks, sections
from evidence.bundle.exhibits import Exhibit, build, known_addresses
from evidence.bundle.folio import STAMPED
from evidence.bundle.options import BundleManifest, BundleOptions, BundleResult, ManifestRow
from evidence.bundle.originals import originals, plain_name
from evidence.bundle.outside import LARGEST_DRAWN, Drawn, OutsideDrawn, draw, joined
from evidence.bundle.pages import Pages
from evidence.bundle.parts import (
    EXHIBITS_A_CHUNK,
    back_chunks,
    exhibit_chunk,
    file_chunk,
    front_chunks,
    notary_chunk,
)
from evidence.bundle.pdf import DEADLINE, Chunk, Rendered, Renderer, RenderFailure
from evidence.bundle.record import bates_labels, frozen, last_label, manifest_exhibits, page_spans
from evidence.bundle.redact import NOTHING, redactions
from evidence.bundle.select import select, supplemented
from evidence.bundle.text import Words, one_line, visible
from evidence.config import Config
from evidence.errors import EvidenceError, UsageError
from evidence.i18n import talk
from evidence.model import Flag
from evidence.reckoning import Assessment, TimelineEntry

_ = talk("bundle")


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
    proposed: Sequence[Flag] = (),
) -> BundleResult:
    """Write ``out/NNNN-KIND/bundle.pdf`` and ``bundle.pdf.sha256`` and say what they hold. Writes nothing else anywhere.

    ``case`` is read at the log size it was opened at; ``options.at_size`` names it. ``picture`` is SVG or empty.
    ``proposed``: the second reader's proposals, flags of tier possible, which stand in a document as such flags do: once accepted.
    Raises UsageError when the options contradict the archive, EvidenceError when the folder is there already.
    """
    brief = _brief(case, config, options, assessment, entries, picture, now, proposed)
    folder = out / f"{brief.number:04d}-{'supplement' if options.supplement else options.shown_kind}"
    if folder.exists():
        raise EvidenceError(
            _("{folder} already exists.").format(folder=folder),
            _("An issued bundle is never overwritten."),
            _("Choose another folder or number."),
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
    proposed: Sequence[Flag],
) -> Brief:
    language = options.language or config.matter.language
    words = Words(language, config.zone, config.matter.timezone)
    reviews, flags = case.reviews(), (*case.flags(), *proposed)
    issued_bundles, issued = tuple(case.bundles()), tuple(case.exhibits())
    earlier = supplemented(issued_bundles) if options.supplement else None
    if options.supplement and earlier is None:
        raise UsageError(
            _("There is no bundle to supplement."),
            _("Only extracts or inspection sheets have been issued, and they leave messages out.")
            if issued_bundles
            else _("No bundle has been issued from this archive."),
            _("Run `evidence bundle` first."),
        )
    if options.since and options.until and options.since > options.until:
        raise UsageError(
            _("--since is later than --until, so no day is left."),
            f"{options.since.isoformat()} > {options.until.isoformat()}",
            _("Exchange the two days."),
        )
    letters = tuple(case.letters())
    rows = tuple(case.redactions())
    hidden = redactions(rows, {r["sha256"]: case.parsed(r["sha256"]) for r in rows if r["sha256"]})
    by_hash = {sha: x for x in letters for sha in (x.sha256, *x.copies)}
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
        supplements=earlier,
    )
    if earlier and not options.selective and options.at_size is None and not (selection.letters or selection.files):
        raise UsageError(
            _("Nothing is new since bundle No. {number:04d}.").format(number=earlier.number),
            _("A bundle without an exhibit would only take a number in the custody log."),
            _("`evidence timeline` shows what is archived."),
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
        flags=tuple(replace(f, quote=hidden.quote(f.quote, f.part, by_hash.get(f.sha256))) for f in flags),
        requests=tuple(replace(r, quote=hidden.quote(r.quote, r.part, by_hash.get(r.sha256))) for r in case.requests()),
        reviews=reviews,
        assessment=assessment,
        entries=[
            replace(e, gist=hidden.quote(e.gist, "", by_hash.get(e.sha256 or "")), at_note=hidden.burn(e.at_note))
            for e in entries
        ],
        picture=picture,
        known=known_addresses(ours, theirs),
        supplements=earlier,
        hidden=hidden,
        letters={sha: hidden.letter(x) for sha, x in by_hash.items() if x.sha256 in selection.numbers},
    )


class _Maker:
    """One bundle being made: the values that several steps share."""

    def __init__(self, brief: Brief, now: datetime, progress: ports.Progress) -> None:
        self.b = brief
        self.now = now
        self.progress = progress
        self.notes: list[str] = []
        self.hidden = brief.hidden
        self.pages = Pages(brief.words, one_line(self.hidden.burn(brief.config.matter.title)), self.hidden)

    # ---- steps -----------------------------------------------------------------------------

    def make(self, out: Path, folder: Path) -> BundleResult:
        b = self.b
        bates_labels(b, 0)  # a label that cannot be printed is told before anything is drawn
        with Renderer(out / ".cache", b.options.jobs) as renderer:
            bare = replace(self.pages, hidden=NOTHING)  # the footer's letters say nothing that could be hidden
            stamp = renderer.render(
                Chunk(bare.finish(f'<p class="s">0 / 0{escape(STAMPED + b.config.bundle.bates_prefix)}</p>'))
            )
            exhibits = self._read(renderer)
            if b.options.kind == "notary":
                files: list[OutsideDrawn] = []
                parts = [renderer.render(notary_chunk(b, self.pages, exhibits))]
                embedded: Iterable[Embedded] = ()
                rows: list[ManifestRow] = []
                marks = [Bookmark(kind_name(b), "s-notary")]
                pages_of: dict[int, tuple[int, int]] = {}
            else:
                files = self._files(renderer)
                parts, rows = self._draw(renderer, exhibits, files)
                embedded = originals(b, self._clean, exhibits, files)
                marks = bookmarks(b, self._clean, exhibits, files)
                pages_of = page_spans(parts, exhibits, files, b.selection)
            self.progress.step(b._("Assembling"), 0, 1)
            made = self._finish(out, folder, parts, stamp, marks, embedded, exhibits, files, pages_of, rows)
            self.progress.step(b._("Assembling"), 1, 1)
            return made

    def _read(self, renderer: Renderer) -> list[Exhibit]:
        b = self.b
        letters = sorted(b.selection.letters, key=lambda x: b.selection.numbers[x.sha256])
        found = []
        for done, letter in enumerate(letters, start=1):
            found.append(build(b.case, letter, b.selection, self.hidden, renderer, b.known))
            self.progress.step(b._("Reading messages"), done, len(letters))
        return found

    def _files(self, renderer: Renderer) -> list[OutsideDrawn]:
        """Outside files with what is drawn of them, the name they are embedded under, and their octets if embedded."""
        b = self.b
        limit = b.config.bundle.embed_max_mb * 1_000_000
        found: list[OutsideDrawn] = []
        for done, file in enumerate(b.selection.files, start=1):
            self.progress.step(b._("Reading files from outside the mail"), done, len(b.selection.files))
            octets = joined(b.case.outside_stream(file.id), max(limit, LARGEST_DRAWN))
            number = b.selection.number_of_file(file)
            if self.hidden.hides_file(file.sha256, octets):
                found.append((file, Drawn(why="withheld"), "", None))
                continue
            drawn = Drawn(why="large") if octets is None else draw(renderer, octets, file.content_type, file.filename)
            fits = octets is not None and len(octets) <= limit
            name = f"{number:04d}-{plain_name(self.hidden.burn(file.filename))}" if fits else ""
            found.append((file, drawn, name, octets if fits else None))
        return found

    def _draw(
        self, renderer: Renderer, exhibits: Sequence[Exhibit], files: Sequence[OutsideDrawn]
    ) -> tuple[list[Rendered], list[ManifestRow]]:
        """All parts in reading order, drawn side by side; a chunk of letters that breaks its limits is drawn letter by letter."""
        b, pages = self.b, self.pages
        # Room for the numbers of pages that are not counted yet: a number that needs more digits takes them to its left.
        pages.digits = "0" * len(str(40 + 2 * len(exhibits)))
        names = {f"file:{f.id}": b._("withheld") if d.why == "withheld" else name for f, d, name, _ in files}
        front, rows = front_chunks(b, pages, exhibits)
        groups = [exhibits[i : i + EXHIBITS_A_CHUNK] for i in range(0, len(exhibits), EXHIBITS_A_CHUNK)]
        middle = [exhibit_chunk(pages, group) for group in groups]
        rest = [*(file_chunk(b, pages, f) for f in files), *back_chunks(b, pages, exhibits, names)]
        chunks = [*middle, *front, *rest]  # the long ones first
        drawn = renderer.render_all(chunks, lambda done: self.progress.step(b._("Drawing pages"), done, len(chunks)))
        letters, others = drawn[: len(middle)], [_rendered(x) for x in drawn[len(middle) :]]
        parts: list[Rendered] = []
        for group, outcome in zip(groups, letters, strict=True):
            parts += [outcome] if isinstance(outcome, Rendered) else [self._single(renderer, e) for e in group]
        return [*others[: len(front)], *parts, *others[len(front) :]], rows

    def _single(self, renderer: Renderer, e: Exhibit) -> Rendered:
        """One exhibit alone; without the sender's markup and pictures when even that breaks the limits."""
        try:
            return renderer.render(replace(exhibit_chunk(self.pages, [e]), seconds=DEADLINE))
        except RenderFailure as failure:
            self.notes.append(
                self.b._("Exhibit %(number)s is printed as text only (%(why)s).")
                % {"number": e.number, "why": failure.reason}
            )
        try:
            return renderer.render(replace(exhibit_chunk(self.pages, [e.as_text("time")]), seconds=120))
        except RenderFailure as failure:
            raise EvidenceError(
                _("Exhibit {number} cannot be printed even as text.").format(number=e.number),
                failure.reason,
                _("Exclude it, giving a reason, or report the fault."),
            ) from failure

    def _clean(self, text: str) -> str:
        return visible(self.hidden.burn(text))[0]

    # ---- the end ---------------------------------------------------------------------------

    def _finish(
        self,
        out: Path,
        folder: Path,
        parts: Sequence[Rendered],
        stamp: Rendered,
        marks: Sequence[Bookmark],
        embedded: Iterable[Embedded],
        exhibits: Sequence[Exhibit],
        files: Sequence[OutsideDrawn],
        pages_of: Mapping[int, tuple[int, int]],
        rows: Sequence[ManifestRow],
    ) -> BundleResult:
        b = self.b
        total = sum(p.pages for p in parts)
        labels = bates_labels(b, total)
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
                "kind": b.options.shown_kind,
            },
        )
        texts = {e.anchor: f"{b._('Exhibit %s') % e.number}" for e in exhibits}
        texts |= dict(sections(b))
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
                parts, pdf, metadata=metadata, bookmarks=marks, page_word=b._("p."), files=embedded, labels=labels,
                stamp=stamp, link_texts=texts, messages=messages,
            )  # fmt: skip
            with pdf.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            (made / "bundle.pdf.sha256").write_text(f"{digest}  bundle.pdf\n", "ascii")
            shutil.copystat(out, made)
            made.rename(folder)
        spans = {n: (labels[f - 1], labels[t - 1]) if labels else ("", "") for n, (f, t) in pages_of.items()}
        manifest = BundleManifest(
            title=self.hidden.burn(b.config.matter.title),
            language=b.words.language,
            exhibits=manifest_exhibits(b, exhibits, files, pages_of, spans),
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
            kind=b.options.shown_kind,
            folder=folder,
            pdf=folder / "bundle.pdf",
            pages=pages,
            pdf_sha256=digest,
            exhibits=frozen(b, spans),
            log_size=b.head.size,
            root=b.head.root,
            dated=b.dated.date().isoformat(),
            issued_at=self.now,
            language=b.words.language,
            supplements=b.supplements.number if b.supplements else None,
            options={
                **b.options.record(),
                "bates_last": last_label(labels[-1], b.config.bundle.bates_prefix) if labels else 0,
            },
            manifest=manifest,
            notes=tuple(self.notes),
        )


def _rendered(outcome: Rendered | RenderFailure) -> Rendered:
    if isinstance(outcome, RenderFailure):
        raise EvidenceError(_("A page of the bundle could not be drawn."), outcome.reason, _("Report it.")) from outcome
    return outcome
