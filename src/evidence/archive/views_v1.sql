-- What readers use (Datasette, ad-hoc SQL). Singular names are storage; plural names are these views.
-- Counsel's withheld mail is in none of them that shows a message, its words, its people or its places.

CREATE VIEW reviews_latest AS
  SELECT r.* FROM review r JOIN (SELECT target, target_id, max(id) AS id FROM review GROUP BY target, target_id) l ON l.id = r.id;

CREATE VIEW messages AS
  SELECT p.message AS number, p.sha256, m.size, p.message_id, p.date, p.at, p.at_clock, p.at_note,
    p.received_at, p.internal_at, p.captured_at, p.speaker, p.person, p.sender, p.sender_name, p.subject, p.gist,
    p.scope, p.scope_reason, p.withheld, p.kind, p.language, p.thread, p.parent, p.own_words,
    CASE WHEN p.copy_of IS NULL THEN NULL ELSE (SELECT sha256 FROM message WHERE id = p.copy_of) END AS copy_of,
    (SELECT count(*) FROM attachment a WHERE a.message = p.message) AS attachments,
    (SELECT f.name FROM sighting s JOIN folder f ON f.id = s.folder WHERE s.message = p.message ORDER BY s.id LIMIT 1) AS folder,
    p.failed
  FROM parsed_message p JOIN message m ON m.id = p.message WHERE p.withheld = 0;

CREATE VIEW flags AS
  SELECT f.id, p.sha256, f.message AS number, p.message_id, p.date, p.at, p.at_clock, f.speaker, f.category, f.subtype, f.part, f.quote,
    f.start, f."end", f.tier, f.rule, f.pack, f.why, f.score / 1000.0 AS score,
    coalesce(r.decision, 'unreviewed') AS review, r.category AS reviewed_category, r.actor AS reviewed_by, r.at AS reviewed_at, r.note AS review_note,
    p.person, p.scope, p.withheld, p.copy_of IS NOT NULL AS is_copy, f.links, f.detail
  FROM flag f JOIN parsed_message p ON p.message = f.message
  LEFT JOIN reviews_latest r ON r.target = 'flag' AND r.target_id = f.id
  WHERE p.withheld = 0;

CREATE VIEW requests AS
  SELECT q.id, p.sha256, q.message AS number, p.message_id, q.part, q.quote, q.start, q."end", q.asker, q.kind, q.asked_at, q.due_at,
    coalesce(r.outcome, q.outcome) AS outcome, q.outcome AS found_outcome, q.tier,
    coalesce(r.answering_sha256, (SELECT sha256 FROM message WHERE id = q.answering)) AS answering_sha256, q.answer_quote,
    q.other_messages, q.waited_days, q.waited_working_days, q.repeats, q.searched, q.why,
    coalesce(r.decision, 'unreviewed') AS review, r.actor AS reviewed_by, r.at AS reviewed_at, r.note AS review_note,
    p.person, p.scope, p.withheld
  FROM request q JOIN parsed_message p ON p.message = q.message
  LEFT JOIN reviews_latest r ON r.target = 'request' AND r.target_id = q.id
  WHERE p.withheld = 0;

CREATE VIEW sightings AS
  SELECT s.id, m.sha256, s.message AS number, coalesce(f.account, '') AS account, f.name AS folder, f.uidvalidity, s.uid, s.internal_date,
    s.server_size, s.flags, s.labels, s.seen_at, s.acquisition, src.path AS source, s.position, s.scope, s.reason, s.note,
    d.noticed_at AS gone_at, d.last_seen_at, d.kind AS gone_kind
  FROM sighting s JOIN message m ON m.id = s.message LEFT JOIN folder f ON f.id = s.folder LEFT JOIN source src ON src.id = s.source
  LEFT JOIN disappearance d ON d.sighting = s.id
  WHERE NOT EXISTS (SELECT 1 FROM parsed_message p WHERE p.message = s.message AND p.withheld = 1);

CREATE VIEW attachments AS
  SELECT p.sha256 AS message_sha256, a.message, a.number, a.filename, a.safe_name, a.content_type, a.size, a.sha256, a.note
  FROM attachment a JOIN parsed_message p ON p.message = a.message WHERE p.withheld = 0;

CREATE VIEW trails AS
  SELECT p.sha256, t.message AS number, t.kind, t.what, t.detail FROM trail t JOIN parsed_message p ON p.message = t.message
  WHERE p.withheld = 0;

CREATE VIEW people AS
  SELECT a.party, a.person, a.address, max(a.name) AS name, count(DISTINCT a.message) AS messages
  FROM participant a JOIN parsed_message p ON p.message = a.message WHERE p.withheld = 0 GROUP BY a.party, a.person, a.address;

CREATE VIEW signatures AS
  SELECT p.sha256, k.message AS number, p.at, p.person, k.domain, k.selector, k.result, k.reason, k.algorithm, k.key_bits, k.canonicalization,
    k.signed_headers, k.length_tag, k.warnings
  FROM dkim k JOIN parsed_message p ON p.message = k.message WHERE p.withheld = 0;

CREATE VIEW folders AS
  SELECT f.account, f.name AS folder, f.uidvalidity, s.at, s.on_server, s.in_scope, s.context, s.out_of_scope, s.owed, s.fetched, s.vanished,
    s.last_uid, s.acquisition
  FROM folder f JOIN folder_state s ON s.id = (SELECT max(id) FROM folder_state WHERE folder = f.id);

CREATE VIEW owed_now AS
  SELECT o.id, o.acquisition, o.at, f.account, f.name AS folder, o.uid, o.what, o.reason FROM owed o LEFT JOIN folder f ON f.id = o.folder
  WHERE (o.what = 'message' AND NOT EXISTS (SELECT 1 FROM sighting s WHERE s.folder = o.folder AND s.uid = o.uid AND s.note <> 'substitute')
    AND o.id = (SELECT max(id) FROM owed x WHERE x.folder IS o.folder AND x.uid IS o.uid))
    -- of an import: settled when a later import has read the same file or member
    OR (o.what LIKE 'import:%' AND o.id = (SELECT max(id) FROM owed x WHERE x.what = o.what)
      AND NOT EXISTS (SELECT 1 FROM source s JOIN sighting g ON g.source = s.id
        WHERE s.acquisition > o.acquisition AND o.what IN ('import:' || s.path, 'import:' || s.path || '#' || g.position)));

CREATE VIEW acquisitions AS
  SELECT a.id, a.kind, a.account, a.began_at, e.ended_at, e.outcome, a.record, e.record AS result FROM acquisition a
  LEFT JOIN acquisition_end e ON e.acquisition = a.id;

CREATE VIEW observations AS
  SELECT o.id, o.at, o.kind, o.severity, f.account, f.name AS folder, o.uid, m.sha256, o.detail, o.acquisition
  FROM observation o LEFT JOIN folder f ON f.id = o.folder LEFT JOIN message m ON m.id = o.message
  WHERE NOT EXISTS (SELECT 1 FROM parsed_message p WHERE p.message = o.message AND p.withheld = 1);

CREATE VIEW outside_files AS
  SELECT id, sha256, filename, content_type, size, title, event_date, kind, note, added_by, added_at FROM outside_file;

CREATE VIEW anchors AS
  SELECT id, kind, root, size, at, stated_at, authority, test, renew_by, serial FROM anchor;

CREATE VIEW bundles AS
  SELECT id, number, kind, folder, issued_at, dated, log_size, root, pages, pdf_sha256, package_sha256, language, supplements FROM bundle;

CREATE VIEW custody_log AS
  SELECT seq, json_extract(body, '$.at') AS at, json_extract(body, '$.kind') AS kind, json_extract(body, '$.table') AS "table",
    lower(hex(leaf)) AS leaf, body FROM event;

CREATE VIEW selections_latest AS
  SELECT s.* FROM selection s JOIN (SELECT sha256, max(id) AS id FROM selection GROUP BY sha256) l ON l.id = s.id;

CREATE VIEW exhibits AS
  SELECT e.number, e.kind, e.sha256, b.number AS bundle, e.bates_first, e.bates_last FROM exhibit e JOIN bundle b ON b.id = e.bundle;

CREATE INDEX disappearance_sighting ON disappearance(sighting);
