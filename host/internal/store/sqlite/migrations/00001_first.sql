-- +goose Up

-- Times are microseconds since 1970; 0 is none. JSON is that of sdk/chat.

-- The inbox. A message without an outcome waits or is being worked on.
CREATE TABLE message (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
    cause        TEXT    NOT NULL UNIQUE,
    event_id     TEXT    NOT NULL,
    reference    TEXT    NOT NULL, -- what stands in an apology
    semantic     TEXT, -- platform/account/key of what the platform may send under several ids
    conversation TEXT    NOT NULL,
    lane         TEXT    NOT NULL,
    platform     TEXT    NOT NULL,
    account      TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    body         BLOB    NOT NULL, -- JSON
    outcome      TEXT,
    reason       TEXT,
    done_at      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX message_semantic ON message (semantic) WHERE semantic IS NOT NULL;
CREATE INDEX message_event ON message (event_id);
CREATE INDEX message_reference ON message (reference);
CREATE INDEX message_waiting ON message (conversation, lane, seq) WHERE outcome IS NULL;
CREATE INDEX message_of_user ON message (platform, account, user_id, seq) WHERE outcome IS NULL AND lane = 'turn';
CREATE INDEX message_done ON message (done_at) WHERE outcome IS NOT NULL;

-- The queues of conversations that have something waiting.
CREATE TABLE lane (
    conversation TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    head         INTEGER NOT NULL, -- seq of its oldest message
    attempt      INTEGER NOT NULL DEFAULT 0, -- how often head was claimed
    epoch        INTEGER NOT NULL DEFAULT 0,
    owner        TEXT    NOT NULL DEFAULT '',
    lease_until  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_head ON lane (kind, head);
CREATE INDEX lane_owner ON lane (owner) WHERE owner <> '';

-- The outbox.
CREATE TABLE delivery (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- order of enqueueing
    id           TEXT    NOT NULL UNIQUE,
    cause        TEXT    NOT NULL,
    ordinal      INTEGER NOT NULL,
    platform     TEXT    NOT NULL,
    account      TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    channel_id   TEXT    NOT NULL,
    agent        TEXT    NOT NULL, -- whose answer it is; empty: the host's own
    response     BLOB    NOT NULL, -- JSON
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 0,
    next_at      INTEGER NOT NULL DEFAULT 0,
    owner        TEXT    NOT NULL DEFAULT '',
    lease_until  INTEGER NOT NULL DEFAULT 0,
    message_ids  TEXT    NOT NULL DEFAULT '[]', -- JSON
    error        TEXT    NOT NULL DEFAULT '', -- JSON
    settled_at   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_conversation ON delivery (conversation, seq);
CREATE INDEX delivery_open ON delivery (conversation, seq) WHERE state IN ('queued', 'sending');
CREATE INDEX delivery_due ON delivery (next_at, seq) WHERE state = 'queued';
CREATE INDEX delivery_state ON delivery (state) WHERE state IN ('sending', 'unknown', 'failed');
CREATE INDEX delivery_settled ON delivery (settled_at) WHERE settled_at > 0;

-- Which delivery a platform's message belongs to.
CREATE TABLE part (
    message_id  TEXT NOT NULL,
    platform    TEXT NOT NULL,
    account     TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    PRIMARY KEY (message_id, platform, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_delivery ON part (delivery_id);

-- What platforms reported, kept because a receipt may come before the answer that names its message.
CREATE TABLE receipt (
    id          TEXT    NOT NULL,
    platform    TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    message_id  TEXT    NOT NULL,
    delivery_id TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    error       TEXT    NOT NULL, -- JSON
    stored_at   INTEGER NOT NULL,
    PRIMARY KEY (id, platform, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_message ON receipt (message_id, platform, account);
CREATE INDEX receipt_delivery ON receipt (delivery_id) WHERE delivery_id <> '';
CREATE INDEX receipt_stored ON receipt (stored_at);

CREATE TABLE notice (
    id        TEXT    NOT NULL,
    platform  TEXT    NOT NULL,
    account   TEXT    NOT NULL,
    body      BLOB    NOT NULL, -- JSON
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (id, platform, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_stored ON notice (stored_at);

CREATE TABLE trace (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    cause       TEXT    NOT NULL,
    delivery_id TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    hop         TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    duration_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX trace_cause ON trace (cause, at, seq);
CREATE INDEX trace_at ON trace (at);

CREATE TABLE choice (
    conversation TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    agent        TEXT NOT NULL,
    PRIMARY KEY (conversation, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    turn         BLOB    NOT NULL, -- JSON
    stored_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX history_of ON history (conversation, agent, seq);
CREATE INDEX history_stored ON history (stored_at);

-- When the last message of a platform came in and went out.
CREATE TABLE last_time (
    platform TEXT    NOT NULL PRIMARY KEY,
    last_in  INTEGER NOT NULL DEFAULT 0,
    last_out INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Written to see that the disk takes writes.
CREATE TABLE pulse (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
