-- Derived tables: dropped and rebuilt by `evidence reindex`; two rebuilds give identical rows.

CREATE TABLE parsed_message (
  message INTEGER PRIMARY KEY,          -- message.id
  sha256 TEXT NOT NULL UNIQUE,
  message_id TEXT, date_raw TEXT, date TEXT,          -- ISO 8601 with the header's own offset
  received_at TEXT, internal_at TEXT, captured_at TEXT NOT NULL,   -- the other three clocks, UTC
  at TEXT NOT NULL, at_clock TEXT NOT NULL, at_note TEXT NOT NULL,
  subject TEXT NOT NULL, sender TEXT NOT NULL, sender_name TEXT NOT NULL,
  speaker TEXT NOT NULL, person TEXT NOT NULL, scope TEXT NOT NULL, scope_reason TEXT NOT NULL, withheld INTEGER NOT NULL,
  kind TEXT NOT NULL, language TEXT NOT NULL,
  thread TEXT NOT NULL, parent TEXT, thread_by TEXT NOT NULL,
  copy_of INTEGER,                      -- message.id of the first of its copy group; NULL: is the first
  gist TEXT NOT NULL, own_words INTEGER NOT NULL,
  body_source TEXT NOT NULL, html TEXT, headers TEXT NOT NULL,      -- JSON [[name, value] …]
  in_reply_to TEXT NOT NULL, refs TEXT NOT NULL, received TEXT NOT NULL, x_mailer TEXT NOT NULL,
  defects TEXT NOT NULL, failed TEXT
) STRICT;
CREATE INDEX parsed_at ON parsed_message(at);
CREATE INDEX parsed_thread ON parsed_message(thread);
CREATE INDEX parsed_message_id ON parsed_message(message_id);
CREATE INDEX parsed_list ON parsed_message(at, message, speaker, person, scope, withheld, copy_of, sha256);   -- lists read no body
CREATE INDEX parsed_copies ON parsed_message(copy_of);

CREATE TABLE participant (
  message INTEGER NOT NULL, position INTEGER NOT NULL, header TEXT NOT NULL,
  name TEXT NOT NULL, address TEXT NOT NULL, party TEXT NOT NULL, person TEXT NOT NULL,
  PRIMARY KEY (message, position)
) STRICT;
CREATE INDEX participant_address ON participant(address);

CREATE TABLE text_part (
  message INTEGER NOT NULL, part TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (message, part)
) STRICT;

CREATE TABLE zone (
  message INTEGER NOT NULL, part TEXT NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  kind TEXT NOT NULL, why TEXT NOT NULL, answers INTEGER, PRIMARY KEY (message, part, number)
) STRICT;

CREATE TABLE attachment (
  message INTEGER NOT NULL, number INTEGER NOT NULL, path TEXT NOT NULL, filename TEXT NOT NULL, safe_name TEXT NOT NULL,
  content_type TEXT NOT NULL, disposition TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  content_id TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (message, number)
) STRICT;

CREATE TABLE dkim (
  message INTEGER NOT NULL, number INTEGER NOT NULL, domain TEXT NOT NULL, selector TEXT NOT NULL, result TEXT NOT NULL,
  reason TEXT NOT NULL, signed_headers TEXT NOT NULL, length_tag INTEGER, key_bits INTEGER, algorithm TEXT NOT NULL,
  canonicalization TEXT NOT NULL, warnings TEXT NOT NULL, dns_key INTEGER, PRIMARY KEY (message, number)
) STRICT;

CREATE TABLE trail (                    -- what is odd about the Received trail, and what other servers claim to have checked
  message INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL,   -- observation, claim
  what TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (message, number)
) STRICT;

CREATE TABLE flag (
  id TEXT PRIMARY KEY, message INTEGER NOT NULL, category TEXT NOT NULL, subtype TEXT, part TEXT NOT NULL,
  start INTEGER NOT NULL, "end" INTEGER NOT NULL, quote TEXT NOT NULL, speaker TEXT NOT NULL, tier TEXT NOT NULL,
  rule TEXT NOT NULL, pack TEXT NOT NULL, why TEXT NOT NULL, score INTEGER NOT NULL,   -- thousandths
  links TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX flag_message ON flag(message);
CREATE INDEX flag_list ON flag(message, id, category, subtype, tier, score);

CREATE TABLE request (
  id TEXT PRIMARY KEY, message INTEGER NOT NULL, part TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  quote TEXT NOT NULL, asker TEXT NOT NULL, kind TEXT NOT NULL, asked_at TEXT NOT NULL, due_at TEXT,
  outcome TEXT NOT NULL, tier TEXT NOT NULL, answering INTEGER, answer_quote TEXT, other_messages TEXT NOT NULL,
  waited_days TEXT, waited_working_days INTEGER, repeats TEXT, searched TEXT NOT NULL, why TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX request_message ON request(message);
CREATE INDEX request_answering ON request(answering);

CREATE TABLE reading (                  -- what a rebuild keeps of a message: found in it alone, before it is linked to others
  message INTEGER PRIMARY KEY,
  keys TEXT NOT NULL,                   -- JSON {name: hash of the answer}: the DKIM keys its signatures were checked with
  first_cut TEXT NOT NULL,              -- JSON {own, quoted}: spans of the body as cut without the message replied to
  own_mark TEXT NOT NULL,               -- hash of the own words of that cut: tells copies
  flags TEXT NOT NULL, asks TEXT NOT NULL, promises TEXT NOT NULL   -- JSON lists
) STRICT;

CREATE TABLE rendered (                 -- made by the timeline stage for the pages: picture (SVG), assessment, claims, effort (JSON)
  name TEXT NOT NULL, language TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (name, language)
) STRICT;

CREATE TABLE derived_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;   -- versions and as_of it was built with

CREATE VIRTUAL TABLE search USING fts5(subject, body, people, attachments, content='', tokenize="unicode61 remove_diacritics 0");
