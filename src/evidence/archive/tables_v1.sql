-- Schema 1. Evidence and judgement rows are append-only; column `event` names the custody event that binds the row.
-- Times: UTC, YYYY-MM-DDTHH:MM:SSZ. Hashes: SHA-256, lower-case hexadecimal.

-- ======== custody log ========
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,              -- 0, 1, 2 …: the leaf's index in the Merkle tree
  body TEXT NOT NULL,                   -- canonical JSON (RFC 8785): {at, kind, seq, table?, row?, detail?}
  leaf BLOB NOT NULL                    -- SHA-256(0x00 || body), RFC 9162 section 2.1.1
) STRICT;

-- ======== evidence ========
CREATE TABLE archive (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  uuid TEXT NOT NULL, created_at TEXT NOT NULL, tool TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;

CREATE TABLE acquisition (              -- begun; its end is a row of acquisition_end
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('sync', 'import', 'add')),
  account TEXT NOT NULL, began_at TEXT NOT NULL,
  record TEXT NOT NULL,                 -- JSON: tool and library versions, host, operator, time zone, scope
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE acquisition_end (
  acquisition INTEGER PRIMARY KEY REFERENCES acquisition(id),
  ended_at TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('complete', 'incomplete', 'failed', 'interrupted')),
  record TEXT NOT NULL,                 -- JSON: greeting, capabilities, TLS peer, clock offset, counts, errors, seconds
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE folder (                   -- one row per folder and UIDVALIDITY ("generation")
  id INTEGER PRIMARY KEY,
  account TEXT NOT NULL, name TEXT NOT NULL, wire_name TEXT NOT NULL, delimiter TEXT NOT NULL,
  attributes TEXT NOT NULL, uidvalidity INTEGER NOT NULL, acquisition INTEGER NOT NULL REFERENCES acquisition(id),
  event INTEGER NOT NULL,
  UNIQUE (account, name, uidvalidity)
) STRICT;

CREATE TABLE source (                   -- a file that mail was imported from
  id INTEGER PRIMARY KEY,
  acquisition INTEGER NOT NULL REFERENCES acquisition(id),
  path TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  caveat TEXT NOT NULL DEFAULT '',      -- what this format cannot prove
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
  acquisition INTEGER NOT NULL REFERENCES acquisition(id), acquired_at TEXT NOT NULL,
  event INTEGER NOT NULL,
  raw BLOB NOT NULL                     -- the exact octets; last, so that the rest reads without them
) STRICT;

CREATE TABLE sighting (
  id INTEGER PRIMARY KEY,
  message INTEGER NOT NULL REFERENCES message(id),
  acquisition INTEGER NOT NULL REFERENCES acquisition(id), seen_at TEXT NOT NULL,
  folder INTEGER REFERENCES folder(id), uid INTEGER,          -- of a mailbox …
  source INTEGER REFERENCES source(id), position TEXT,        -- … or of an import: offset or member name
  internal_date TEXT,                   -- INTERNALDATE as the server wrote it
  server_size INTEGER,                  -- RFC822.SIZE as stated
  flags TEXT NOT NULL DEFAULT '[]', labels TEXT NOT NULL DEFAULT '[]', gm_msgid TEXT,
  scope TEXT NOT NULL,                  -- why it was fetched: in-scope, context, all
  reason TEXT NOT NULL DEFAULT '',      -- which header or thread link brought it in
  note TEXT NOT NULL DEFAULT '',        -- e.g. 'substitute': the server sent a text in place of the message
  event INTEGER NOT NULL
) STRICT;
CREATE INDEX sighting_message ON sighting(message);
CREATE INDEX sighting_place ON sighting(folder, uid);

CREATE TABLE disappearance (            -- was there, is not there now
  id INTEGER PRIMARY KEY,
  sighting INTEGER NOT NULL REFERENCES sighting(id),
  acquisition INTEGER NOT NULL REFERENCES acquisition(id), noticed_at TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('gone', 'moved')), moved_to INTEGER REFERENCES sighting(id),
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE owed (                     -- asked for and not had; settled when a sighting at the place exists
  id INTEGER PRIMARY KEY,
  acquisition INTEGER NOT NULL REFERENCES acquisition(id), at TEXT NOT NULL,
  folder INTEGER REFERENCES folder(id), uid INTEGER, what TEXT NOT NULL, reason TEXT NOT NULL,
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE folder_state (             -- what one acquisition found in one folder; the last row is the cursor
  id INTEGER PRIMARY KEY,
  acquisition INTEGER NOT NULL REFERENCES acquisition(id), folder INTEGER NOT NULL REFERENCES folder(id),
  at TEXT NOT NULL, uidnext INTEGER, highest_modseq INTEGER,
  last_uid INTEGER NOT NULL,            -- all UIDs up to here were looked at
  on_server INTEGER NOT NULL, in_scope INTEGER NOT NULL, context INTEGER NOT NULL,
  out_of_scope INTEGER NOT NULL, owed INTEGER NOT NULL,
  fetched INTEGER NOT NULL, vanished INTEGER NOT NULL,
  scope_key TEXT NOT NULL,              -- hash of the scope settings that decided
  passed_over BLOB NOT NULL,            -- zlib: what is needed to reconsider out-of-scope mail (uid, id and reference digests)
  event INTEGER NOT NULL
) STRICT;
CREATE INDEX folder_state_folder ON folder_state(folder);

CREATE TABLE observation (              -- UIDVALIDITY changed, UID reused, folder suddenly empty, one Message-ID with two texts …
  id INTEGER PRIMARY KEY,
  acquisition INTEGER NOT NULL REFERENCES acquisition(id), at TEXT NOT NULL,
  kind TEXT NOT NULL, severity TEXT NOT NULL CHECK (severity IN ('note', 'alarm')),
  folder INTEGER REFERENCES folder(id), uid INTEGER, message INTEGER REFERENCES message(id),
  detail TEXT NOT NULL,                 -- JSON
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE outside_file (             -- evidence from outside mail
  id INTEGER PRIMARY KEY,
  acquisition INTEGER NOT NULL REFERENCES acquisition(id),
  sha256 TEXT NOT NULL, size INTEGER NOT NULL, filename TEXT NOT NULL, content_type TEXT NOT NULL,
  title TEXT NOT NULL, event_date TEXT NOT NULL, note TEXT NOT NULL, kind TEXT NOT NULL,
  added_by TEXT NOT NULL, added_at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;

CREATE TABLE outside_chunk (            -- its octets in order, 8 MiB each; bound by the SHA-256 of the whole and of each chunk
  file INTEGER NOT NULL REFERENCES outside_file(id) DEFERRABLE INITIALLY DEFERRED, number INTEGER NOT NULL,
  sha256 TEXT NOT NULL, size INTEGER NOT NULL, event INTEGER NOT NULL, octets BLOB NOT NULL, PRIMARY KEY (file, number)
) STRICT;

CREATE TABLE dns_key (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL, answer BLOB NOT NULL, resolver TEXT NOT NULL, authenticated INTEGER NOT NULL,
  asked_at TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', event INTEGER NOT NULL
) STRICT;
CREATE INDEX dns_key_name ON dns_key(name);

CREATE TABLE anchor (                   -- a trusted time stamp, or a witness's mail, over (root, size)
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('rfc3161', 'witness')),
  root TEXT NOT NULL, size INTEGER NOT NULL, at TEXT NOT NULL, stated_at TEXT, authority TEXT NOT NULL,
  test INTEGER NOT NULL, renew_by TEXT, serial TEXT NOT NULL DEFAULT '',
  request BLOB, token BLOB NOT NULL, chain BLOB, revocation BLOB,
  event INTEGER NOT NULL
) STRICT;

CREATE TABLE bundle (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE, kind TEXT NOT NULL, folder TEXT NOT NULL, issued_at TEXT NOT NULL,
  dated TEXT NOT NULL, log_size INTEGER NOT NULL, root TEXT NOT NULL, pages INTEGER NOT NULL,
  pdf_sha256 TEXT NOT NULL, package_sha256 TEXT NOT NULL, options TEXT NOT NULL, language TEXT NOT NULL,
  supplements INTEGER, event INTEGER NOT NULL
) STRICT;

CREATE TABLE exhibit (                  -- numbers, frozen once issued
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('message', 'file')), sha256 TEXT NOT NULL,
  bundle INTEGER NOT NULL REFERENCES bundle(id), bates_first TEXT NOT NULL, bates_last TEXT NOT NULL,
  event INTEGER NOT NULL, UNIQUE (kind, sha256)
) STRICT;

-- ======== judgement: append-only, the last one wins ========
CREATE TABLE review (
  id INTEGER PRIMARY KEY,
  target TEXT NOT NULL CHECK (target IN ('flag', 'request')), target_id TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('accepted', 'rejected', 'unreviewed')),
  category TEXT, outcome TEXT, answering_sha256 TEXT, note TEXT NOT NULL DEFAULT '',
  actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE INDEX review_target ON review(target, target_id);
CREATE TABLE note (
  id INTEGER PRIMARY KEY, target TEXT NOT NULL, target_id TEXT NOT NULL, text TEXT NOT NULL,
  actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE hours (
  id INTEGER PRIMARY KEY, person TEXT NOT NULL, day TEXT NOT NULL, minutes INTEGER NOT NULL, about TEXT NOT NULL,
  actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE answer (                   -- to the assessment's four questions
  id INTEGER PRIMARY KEY, question INTEGER NOT NULL CHECK (question BETWEEN 1 AND 4),
  answer TEXT NOT NULL CHECK (answer IN ('yes', 'no', 'unclear')), note TEXT NOT NULL DEFAULT '',
  actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE selection (                -- include or exclude a message from bundles
  id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, action TEXT NOT NULL CHECK (action IN ('include', 'exclude')),
  reason TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE redaction (
  id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('address', 'passage', 'attachment')),
  part TEXT NOT NULL, start INTEGER, "end" INTEGER, value TEXT NOT NULL, undone INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE link (                     -- what a file, claim, flag, request or message bears on
  id INTEGER PRIMARY KEY, subject TEXT NOT NULL, subject_id TEXT NOT NULL, object TEXT NOT NULL, object_id TEXT NOT NULL,
  note TEXT NOT NULL DEFAULT '', actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE claim (                    -- what a side claims; files and messages are linked to it
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
CREATE TABLE proposal (                 -- a second reader's, never asserted
  id INTEGER PRIMARY KEY, what TEXT NOT NULL, target_id TEXT NOT NULL, sha256 TEXT NOT NULL, part TEXT NOT NULL,
  start INTEGER NOT NULL, "end" INTEGER NOT NULL, quote TEXT NOT NULL, category TEXT NOT NULL, outcome TEXT,
  model TEXT NOT NULL, prompt_version TEXT NOT NULL, at TEXT NOT NULL, event INTEGER NOT NULL
) STRICT;
