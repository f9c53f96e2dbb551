"""An IMAP account, read only: the package's one door to a mail server.

Why not imapclient throughout: its ``fetch`` omits UIDs that did not come, keys what has no UID by sequence number and holds
a whole batch in memory; its LIST reads the folder «007» as 7. It connects, negotiates, logs in and names the capabilities;
what counts as evidence is read by ``Session`` and ``responses``.

Long because it is one class: which folder is open, what is in flight and which connection holds are one state, and a reconnect
in the middle of a fetch touches all three.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any, Protocol

from imapclient.exceptions import IMAPClientError, LoginError

from evidence import __version__
from evidence.config import LOOPBACK_HOSTS, Account
from evidence.errors import EvidenceError, LoginRefused
from evidence.i18n import talk
from evidence.mailbox import commands, words
from evidence.mailbox.ahead import Ahead
from evidence.mailbox.batches import BATCH_UIDS, MEAN_OCTETS, Batch, batches, first_batch
from evidence.mailbox.mailbox import (
    SCOPE_HEADERS,
    CommandRefused,
    FolderUnreadable,
    MailboxError,
    NotDelivered,
    Throttled,
    Uids,
    Unsized,
    Wanted,
)
from evidence.mailbox.responses import (
    NIL,
    FetchItems,
    Malformed,
    Nil,
    Response,
    is_fetch,
    parse_fetch,
    parse_id,
    parse_list,
    parse_search,
    parse_status,
)
from evidence.mailbox.session import Session, TooLarge, bye, limit_seconds, succeeded
from evidence.mailbox.wire import Limits, ReadOnlyClient, tls_context
from evidence.model import FolderName, FolderStatus, HeaderPeek, RawMessage, sha256_hex

_ = talk("mailbox")

PEEK_WINDOW = 2_000  # UIDs a header command covers
LIST_WINDOW = 100_000
LARGEST_HEADER = 16 * 1024 * 1024
PIPELINE = 2  # commands in flight: the next is on its way while one is read
QUEUE_UIDS = 2 * BATCH_UIDS  # waiting to be asked for: never fewer than the next FETCH may take, while there are more
_COUNT = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE)", re.IGNORECASE)


class Authenticates(Protocol):
    """A secret that knows how to log in: password, app password or OAuth token."""

    def authenticate(self, client: Any) -> None: ...


class ImapMailbox:
    """``Mailbox`` over IMAP4rev1 (RFC 3501, RFC 9051). Make one with ``connect``."""

    greeting = ""
    capabilities: tuple[str, ...] = ()
    tls_fingerprint = ""
    server_date: datetime | None = None

    def __init__(self, account: Account, secret: Authenticates | str, limits: Limits) -> None:
        self._account = account
        self._secret = secret
        self._limits = limits
        self._folder: FolderName | None = None
        self._status: FolderStatus | None = None
        self._exists = 0
        self._ahead: Ahead | None = None
        self._server_id: Mapping[str, str] = {}
        self._asked_id: bytes | None = None  # tags of commands sent early
        self._listing: bytes | None = None
        self.oddities: list[tuple[str, dict[str, Any]]] = []
        self._open()

    @classmethod
    def connect(
        cls,
        account: Account,
        secret: Authenticates | str,
        *,
        deadline: float = 120.0,
        max_bytes: int = 300 * 1024 * 1024,
        now: Callable[[], datetime] | None = None,
        limits: Limits | None = None,
    ) -> ImapMailbox:
        """Connect and log in. ``deadline``: seconds a command may take beyond what its octets need; ``max_bytes``: largest message.

        Raises LoginRefused; MailboxError (no route, certificate, no STARTTLS); Throttled with ``retry_after`` seconds.
        """
        del now  # nothing here needs the time of day; the signature leaves room for a server that tells its own
        return cls(account, secret, limits or Limits(deadline=deadline, message=max_bytes))

    # ---- connection ------------------------------------------------------------------------

    def _open(self) -> None:
        account = self._account
        if account.tls == "none" and account.host not in LOOPBACK_HOSTS:
            raise MailboxError(
                _("{host} is another machine, and a connection without TLS is allowed only within this one.").format(
                    host=account.host
                )
            )
        tls = tls_context(account.ca_file) if account.tls != "none" else None
        try:
            client = ReadOnlyClient(
                account.host, account.port, tls if account.tls == "implicit" else None, self._limits
            )
        except EvidenceError:
            raise
        except (OSError, IMAPClientError, imaplib.IMAP4.error) as error:
            raise _refused_at_greeting(account.host, str(error)) from None
        wire = client.guarded
        try:
            if client.guarded.state != "NONAUTH":
                raise MailboxError(
                    _("{host} treats the connection as logged in before any login (PREAUTH).").format(
                        host=account.host
                    ),
                    _("Someone between you and the server may be answering."),
                )
            if account.tls == "starttls":
                try:
                    client.starttls(tls)
                except IMAPClientError:
                    wire.starttls_missing()
            self._login(client)
            self.greeting = wire.unsaid.strike((wire.welcome or b"").decode("utf-8", "replace").strip())
            self.server_date = _date_in(self.greeting)
            self.tls_fingerprint = wire.fingerprint()
            self.capabilities = tuple(c.decode("ascii", "replace") for c in client.capabilities())
            self._wire = wire
            self._session = Session(wire)
            self._listing = self._asked_id = None
            if "ID" in self.capabilities and not self._server_id:
                ours = f'ID ("name" "evidence" "version" "{__version__}")'
                self._asked_id = self._session.early(ours.encode("ascii"))
        except BaseException:
            wire.shutdown()
            raise

    def _login(self, client: ReadOnlyClient) -> None:
        account = self._account
        if "LOGINDISABLED" in client.guarded.capabilities and account.tls == "none":
            raise LoginRefused(
                _("{host} does not accept a password on a connection without TLS.").format(host=account.host),
                "",
                _('Use tls = "implicit".'),
            )
        try:
            if isinstance(self._secret, str):
                client.login(account.username, self._secret)
            else:
                self._secret.authenticate(client)
        except (LoginRefused, MailboxError, CommandRefused):
            raise
        except (OSError, IMAPClientError, imaplib.IMAP4.error) as error:
            said = str(error)
            code = re.search(r"\[([A-Z-]+)\]", said)
            wait = limit_seconds(code[1] if code else "", said)
            if wait is not None:
                raise Throttled(
                    _("{host} is limiting access to the account {user}.").format(
                        host=account.host, user=account.username
                    ),
                    said,
                    retry_after=wait,
                ) from None
            if not isinstance(error, LoginError):
                raise MailboxError(
                    _("The login at {host} could not be completed.").format(host=account.host), said
                ) from None
            raise LoginRefused(
                _("{host} refused the login of {user}.").format(host=account.host, user=account.username),
                said,
                _("Check the user name and the password; many providers require an app password."),
            ) from None

    @property
    def server_id(self) -> Mapping[str, str]:
        """What the server says of itself (RFC 2971; Yandex and NetEase want to be asked). A refusal is no matter."""
        tag, self._asked_id = self._asked_id, None
        if tag is not None:
            with contextlib.suppress(MailboxError):
                self._server_id = parse_id(self._session.answer(tag)[1])
        return self._server_id

    def reopen(self) -> FolderStatus | None:
        """A fresh connection, the same folder open again. Raises as ``connect`` and ``examine`` do."""
        self._stop_reading()
        return self._reopen()

    def _stop_reading(self) -> None:
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None

    def _reopen(self) -> FolderStatus | None:
        self._wire.shutdown()
        self._open()
        return self._examine(self._folder, listing=False) if self._folder is not None else None

    def noop(self) -> None:
        self._run(b"NOOP")

    def close(self) -> None:
        self._stop_reading()
        with contextlib.suppress(EvidenceError):
            self._session.send(b"LOGOUT")  # its answer is worth no round trip
        self._wire.shutdown()

    # ---- folders ---------------------------------------------------------------------------

    def list_folders(self) -> tuple[FolderName, ...]:
        """Every folder below every personal and shared namespace (RFC 2342) that can be opened, each name once."""
        found: dict[bytes, FolderName] = {}
        namespaces = self._session.early(b"NAMESPACE") if "NAMESPACE" in self.capabilities else None
        own = self._session.early(b'LIST "" "*"')
        for reference in self._namespaces(namespaces):
            argument, literal = commands.mailbox_argument(reference)
            if literal is not None:
                continue
            if reference:
                ok, responses = self._run(b'LIST "" ' + (argument[:-1] + b'*"'))
            else:
                ok, responses = self._counted(*self._session.answer(own))
            if not ok:
                raise MailboxError(_("The mail server would not list its folders."), responses[-1].text())
            for response in responses[:-1]:
                folder = parse_list(response)
                if folder is not None and folder.wire not in found:
                    found[folder.wire] = folder
        return tuple(
            f for f in found.values() if not {a.lower() for a in f.attributes} & {"\\noselect", "\\nonexistent"}
        )

    def _namespaces(self, tag: bytes | None) -> list[bytes]:
        prefixes = [b""]
        if tag is not None:
            ok, responses = self._counted(*self._session.answer(tag))
            for response in responses[:-1] if ok else ():
                prefixes += re.findall(rb'\("((?:[^"\\])+)" ', response.line)
        # LIST "" "*" names what lies under INBOX and the empty prefix; ask for the others only
        return [p for i, p in enumerate(prefixes) if p not in prefixes[:i] and not p.upper().startswith(b"INBOX")]

    def status(self, folders: Sequence[FolderName]) -> tuple[FolderStatus | None, ...]:
        items = (
            b"(MESSAGES UIDNEXT UIDVALIDITY" + (b" HIGHESTMODSEQ" if "CONDSTORE" in self.capabilities else b"") + b")"
        )
        if self._folder is not None:
            self.noop()  # Dovecot counts the open folder as this session last saw it
        out: list[FolderStatus | None] = []
        waiting: deque[tuple[FolderName, bytes]] = deque()
        for folder in folders:
            argument, literal = commands.mailbox_argument(folder.wire)
            if literal is not None:  # the literal's continuation cannot be awaited with answers outstanding
                out += [self._one_status(*w) for w in waiting]
                waiting.clear()
                tag = self._session.send(b"STATUS " + argument, literal, b" " + items)
            else:
                tag = self._session.send(b"STATUS " + argument + b" " + items)
            waiting.append((folder, tag))
            if len(waiting) > 50:
                out.append(self._one_status(*waiting.popleft()))
        out += [self._one_status(*w) for w in waiting]
        return tuple(out)

    def _one_status(self, folder: FolderName, tag: bytes) -> FolderStatus | None:
        numbers: dict[str, int] = {}
        for response in self._session.until(tag):
            numbers = parse_status(response) or numbers
        if not succeeded(response) or not {"MESSAGES", "UIDVALIDITY"} <= numbers.keys():
            return None
        return FolderStatus(
            folder, numbers["UIDVALIDITY"], numbers.get("UIDNEXT"), numbers["MESSAGES"], numbers.get("HIGHESTMODSEQ")
        )

    def examine(self, folder: FolderName) -> FolderStatus:
        return self._examine(folder, listing=True)

    def _examine(self, folder: FolderName, *, listing: bool) -> FolderStatus:
        """``listing``: the UIDs are asked for in the same breath, where one command gives them all."""
        argument, literal = commands.mailbox_argument(folder.wire)
        self._folder = None
        self._drop_listing()
        condstore = b" (CONDSTORE)" if "CONDSTORE" in self.capabilities else b""
        if literal is None:
            tag = self._session.send(b"EXAMINE " + argument + condstore)
        else:
            tag = self._session.send(b"EXAMINE " + argument, literal, condstore)
        self._session.settle()  # what was sent before this
        if listing and "ESEARCH" in self.capabilities:
            self._listing = self._session.early(commands.search("1:*", extended=True))
        responses = list(self._session.until_next(tag))
        ok, responses = self._counted(succeeded(responses[-1]), responses)
        if not ok:
            self._drop_listing()
            self._raise_if_limited(responses[-1])
            raise FolderUnreadable(
                _("The folder “{folder}” could not be opened.").format(folder=folder.name), responses[-1].text()
            )
        numbers: dict[str, int] = {}
        self._exists = 0
        for response in responses:
            code, argument_text = response.code()
            if code in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ") and argument_text.isdigit():
                numbers[code] = int(argument_text)
            self._count(response)
        if "UIDVALIDITY" not in numbers:
            raise FolderUnreadable(
                _("The folder “{folder}” has no lasting message numbers (UIDVALIDITY).").format(folder=folder.name),
                "",
                _("Ask the provider; without them nothing can be proved."),
            )
        self._folder = folder
        self._status = FolderStatus(
            folder, numbers["UIDVALIDITY"], numbers.get("UIDNEXT"), self._exists, numbers.get("HIGHESTMODSEQ")
        )
        return self._status

    def _drop_listing(self) -> None:
        tag, self._listing = self._listing, None
        if tag is not None:
            self._session.answer(tag)

    def uids(self) -> Uids:
        listing = self._searched()
        if len(listing) == self._exists:
            return listing
        self.noop()
        if len(listing) == self._exists:
            return listing
        # Yahoo, Yandex and others answer SEARCH from an index that lags or is cut short: ask message by message
        fetched = array("I", sorted({p.uid for p in self.peek_headers(1, None, headers=False)}))
        self.oddities.append(
            ("search-disagrees", {"searched": len(listing), "fetched": len(fetched), "exists": self._exists})
        )
        return array("I", sorted(set(listing) | set(fetched)))

    def _searched(self) -> Uids:
        extended = "ESEARCH" in self.capabilities
        top = self._status.uidnext if self._status else None
        if extended or top is None:
            windows = ["1:*"]
        else:
            windows = [f"{low}:{low + LIST_WINDOW - 1}" for low in range(1, max(top, 2), LIST_WINDOW)]
        out: array[int] = array("I")
        for window in windows:
            early, self._listing = self._listing, None
            if early is not None:
                ok, responses = self._counted(*self._session.answer(early))
            else:
                ok, responses = self._run(commands.search(window, extended=extended))
            if not ok:
                self._raise_if_limited(responses[-1])
                return array("I")
            for response in responses[:-1]:
                try:
                    out.extend(parse_search(response))
                except Malformed:
                    return array("I")
        if any(a >= b for a, b in pairwise(out)):
            out = array("I", sorted(set(out)))
        return out

    # ---- messages --------------------------------------------------------------------------

    def peek_headers(
        self, first_uid: int, last_uid: int | None, *, headers: bool = True, changed_since: int | None = None
    ) -> Iterator[HeaderPeek]:
        items = ["UID", "RFC822.SIZE", "INTERNALDATE"]
        if headers:
            items.append("FLAGS")
        if self._gmail:
            items += ["X-GM-MSGID", "X-GM-LABELS"]
        if headers:
            items.append(f"BODY.PEEK[HEADER.FIELDS ({' '.join(SCOPE_HEADERS).upper()})]")
        top = (
            last_uid if last_uid is not None else (self._status.uidnext or 2**32 - 1) - 1 if self._status else 2**32 - 1
        )
        if "CONDSTORE" not in self.capabilities:
            changed_since = None
        step = PEEK_WINDOW if headers else PEEK_WINDOW * 5
        if top - first_uid > 50_000_000:  # no UIDNEXT: one open window
            windows = [f"{first_uid}:*"]
        else:
            windows = [f"{low}:{min(low + step - 1, top)}" for low in range(first_uid, top + 1, step)]
        flight: deque[bytes] = deque()
        queue = deque(windows)
        self._session.settle()  # a listing under way: Dovecot answers FETCH beside SEARCH, and its rows would be taken for the listing's
        while queue or flight:
            while queue and len(flight) < PIPELINE:
                flight.append(self._session.send(commands.fetch(queue.popleft(), items, changed_since=changed_since)))
            yield from self._peeked(flight.popleft(), first_uid, top)

    def _peeked(self, tag: bytes, first_uid: int, top: int) -> Iterator[HeaderPeek]:
        self._session.begin()
        while True:
            try:
                response = self._session.kept(tag) or self._session.read(LARGEST_HEADER)
            except TooLarge as error:
                response = self._step_over(error)
            if response.line.startswith(tag + b" "):
                if not succeeded(response):
                    self._raise_if_limited(response)
                return
            items = self._fetch_items(response)
            if items is None or items.uid is None or not first_uid <= items.uid <= top:
                self._session.keep(response)
                continue  # `n:*` names the last message even below n (RFC 9051 section 6.4.8)
            header = items.header if isinstance(items.header, bytes) else b""
            yield HeaderPeek(
                items.uid, header, items.size or 0, items.flags, items.internal_date, items.gm_msgid, items.gm_labels
            )

    def _step_over(self, error: TooLarge) -> Response:
        """A header beyond all measure is dropped from the stream; the message is then fetched whole and judged by its octets."""
        if error.size > self._limits.message:
            self._wire.shutdown()
            raise MailboxError(
                _("The mail server announced a header of impossible size."), _("{size} bytes").format(size=error.size)
            )
        self._wire.skip(error.size)
        rest = self._session.read(LARGEST_HEADER)
        return Response([*error.response.parts, b"", *rest.parts], rest.strike)

    def fetch(self, wanted: Sequence[Wanted]) -> Iterator[RawMessage | NotDelivered]:
        """Read ahead in a second thread; whoever stops early ends the connection."""
        self._ahead = Ahead(self._fetched(wanted), self._abandon)
        return self._ahead.items()

    def _abandon(self) -> None:
        self._wire.abandon()

    def _fetched(self, wanted: Sequence[Wanted]) -> Iterator[RawMessage | NotDelivered]:
        ordered = iter(wanted if isinstance(wanted, Unsized) else sorted(wanted, key=lambda w: w.uid))
        queue = deque(islice(ordered, QUEUE_UIDS))
        flight: deque[Batch] = deque()
        missing: list[Wanted] = []
        count, octets = 0, 0
        while queue or flight:
            while queue and len(flight) < PIPELINE:
                queue.extend(islice(ordered, max(0, QUEUE_UIDS - len(queue))))
                flight.append(self._ask(first_batch(queue, mean=octets // count if count else MEAN_OCTETS)))
            batch = flight.popleft()
            yield from self._delivered(batch, flight)
            if (
                batch.broken
            ):  # a literal we would not read: the connection is gone, what was in flight is asked for again
                for other in reversed(flight):
                    queue.extendleft(reversed(other.missing()))
                flight.clear()
                self._reopen()
            count, octets = count + len(batch.wanted), octets + batch.octets
            missing += batch.missing()
        yield from self._again(missing)

    def _again(self, missing: list[Wanted]) -> Iterator[RawMessage | NotDelivered]:
        """Ask again for what did not come: is it still there, then in halves, so that one bad message costs only itself."""
        if not missing:
            return
        present = self._present([w.uid for w in missing])
        yield from (NotDelivered(w.uid, words.GONE, gone=True) for w in missing if w.uid not in present)
        yield from self._halves([w for w in missing if w.uid in present])

    def _halves(self, missing: list[Wanted]) -> Iterator[RawMessage | NotDelivered]:
        for part in batches(missing, uids=max(1, (len(missing) + 1) // 2)):
            batch = self._ask(part)
            yield from self._delivered(batch, ())
            if batch.broken:
                self._reopen()
            left = batch.missing()
            if len(part) == 1:
                yield from (NotDelivered(w.uid, batch.reason) for w in left)
            elif left:
                yield from self._halves(left)

    def _present(self, uids: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for at in range(0, len(uids), BATCH_UIDS):
            some = sorted(uids[at : at + BATCH_UIDS])
            _, responses = self._run(commands.fetch(commands.uid_set(some), ["UID"]))
            items = (self._fetch_items(r) for r in responses[:-1])
            found.update(i.uid for i in items if i is not None and i.uid in some)
        return found

    def _ask(self, wanted: list[Wanted]) -> Batch:
        items = ["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE"]
        if self._gmail:
            items += ["X-GM-MSGID", "X-GM-LABELS"]
        items.append("BODY.PEEK[]")
        self._session.settle()
        tag = self._session.send(commands.fetch(commands.uid_set(w.uid for w in wanted), items))
        return Batch(tag, {w.uid: w for w in wanted})

    def _delivered(self, batch: Batch, flight: Iterable[Batch]) -> Iterator[RawMessage | NotDelivered]:
        """Messages of this batch, streamed. A UID that was not asked for, or octets without a UID, are nobody's."""
        self._session.begin()
        while True:
            try:
                response = self._session.kept(batch.tag) or self._session.read(self._limits.message)
            except TooLarge as error:
                yield from self._too_large(batch, error)
                return
            if response.line.startswith(batch.tag + b" "):
                batch.reason = words.NOTHING_SENT
                if not succeeded(response):
                    batch.reason = response.text().removeprefix(batch.tag.decode()).strip()
                    self._raise_if_limited(response)
                return
            items = self._fetch_items(response)
            if items is None or items.body is None or items.uid is None:
                self._session.keep(response)
                continue
            owner = next((b for b in (batch, *flight) if items.uid in b.wanted), None)
            if owner is None:
                continue
            if isinstance(items.body, Nil) or (not items.body and items.size != 0):
                owner.silent[items.uid] = (
                    "NIL in place of the message" if items.body is NIL else "an empty text in place of the message"
                )
                continue
            owner.waiting.discard(items.uid)
            owner.octets += len(items.body)
            yield RawMessage(
                items.uid,
                items.body,
                items.internal_date,
                items.flags,
                items.size,
                items.gm_msgid,
                items.gm_labels,
                sha256_hex(items.body),
            )

    def _too_large(self, batch: Batch, error: TooLarge) -> Iterator[NotDelivered]:
        self._wire.shutdown()
        batch.broken = True
        batch.reason = words.TOO_LARGE.format(n=error.size, m=self._limits.message)
        named = re.search(rb"UID (\d+)", error.response.line)
        uid = int(named[1]) if named else next(iter(batch.waiting)) if len(batch.waiting) == 1 else 0
        if uid in batch.waiting:
            batch.waiting.discard(uid)
            yield NotDelivered(uid, batch.reason)

    # ---- responses -------------------------------------------------------------------------

    @property
    def _gmail(self) -> bool:
        return "X-GM-EXT-1" in self.capabilities

    def _run(self, command: bytes, literal: bytes | None = None, rest: bytes = b"") -> tuple[bool, list[Response]]:
        return self._counted(*self._session.run(command, literal, rest))

    def _counted(self, ok: bool, responses: list[Response]) -> tuple[bool, list[Response]]:
        for response in responses:
            self._count(response)
        return ok, responses

    def _count(self, response: Response) -> None:
        found = _COUNT.match(response.line)
        if found and found[2].upper() == b"EXISTS":
            self._exists = int(found[1])
        elif found:
            self._exists = max(0, self._exists - 1)

    def _fetch_items(self, response: Response) -> FetchItems | None:
        """The items of a FETCH response, None for any other. Watches for BYE and limits on the way."""
        if is_fetch(response):
            try:
                return parse_fetch(response)
            except Malformed as error:
                self.oddities.append(
                    ("malformed-response", {"why": response.strike(str(error)), "line": response.text()[:200]})
                )
                return None
        if response.line[:6].upper() == b"* BYE ":
            raise bye(response)
        self._count(response)
        code, _text = response.code()
        if code in ("THROTTLED", "OVERQUOTA") and response.line[:2] == b"* ":
            self._raise_if_limited(response)
        return None

    def _raise_if_limited(self, response: Response) -> None:
        code, _text = response.code()
        wait = limit_seconds(code, response.text())
        if wait is not None:
            text = response.text().partition(" ")[2]
            raise Throttled(
                _("{host} is limiting access to the account {user}.").format(
                    host=self._account.host, user=self._account.username
                ),
                text,
                retry_after=wait,
            )


def _refused_at_greeting(host: str, said: str) -> MailboxError:
    wait = limit_seconds("", said)
    if wait is not None:
        return Throttled(_("{host} is refusing further connections for now.").format(host=host), said, retry_after=wait)
    return MailboxError(
        _("{host} does not respond as a mail server would.").format(host=host),
        said,
        _("Check the host name, the port and tls."),
    )


def _date_in(greeting: str) -> datetime | None:
    """A date some servers put in their greeting, to set beside our own clock."""
    found = re.search(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", greeting)
    if found is None:
        return None
    from email.utils import parsedate_to_datetime

    with contextlib.suppress(ValueError, TypeError):
        return parsedate_to_datetime(found[0]).astimezone(UTC)
    return None
