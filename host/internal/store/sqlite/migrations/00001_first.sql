-- +goose Up

-- Times are microseconds since 1970; 0 is none. JSON is that of sdk/chat. PostgreSQL has the same tables.

-- What duplicates are known by: 16 bytes that stand for a cause or for a semantic key. The row of a message
-- begins with its reference, and outlives the message.
CREATE TABLE seen (
    key     BLOB    NOT NULL PRIMARY KEY,
    message INTEGER NOT NULL, -- seq
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The inbox. A message without an outcome waits or is being worked on.
CREATE TABLE message (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
    cause        TEXT    NOT NULL, -- found by its row in seen
    conversation TEXT    NOT NULL,
    lane         TEXT    NOT NULL,
    platform     TEXT    NOT NULL,
    account      TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    user_name    TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    webhook      INTEGER NOT NULL, -- id of what it came with; 0: that was not kept
    size         INTEGER NOT NULL, -- of the body, in bytes
    preview      TEXT    NOT NULL, -- the beginning of its text
    body         BLOB    NOT NULL, -- JSON; empty once it is forgotten
    outcome      TEXT,
    reason       TEXT    NOT NULL DEFAULT '',
    epoch        INTEGER NOT NULL DEFAULT 0, -- of the turn that finished it
    done_at      INTEGER NOT NULL DEFAULT 0,
    replay_of    TEXT    NOT NULL DEFAULT '' -- cause
) STRICT;
CREATE INDEX message_in ON message (conversation, seq);
CREATE INDEX message_waiting ON message (seq, size) WHERE outcome IS NULL;
CREATE INDEX message_of_user ON message (platform, account, user_id, seq) WHERE outcome IS NULL AND lane = 'turn';
CREATE INDEX message_replay ON message (replay_of) WHERE replay_of <> '';

-- Chats. One with a canonical key is another key of that chat.
CREATE TABLE conversation (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    key              TEXT    NOT NULL UNIQUE,
    canonical        TEXT    NOT NULL DEFAULT '',
    held             INTEGER NOT NULL DEFAULT 0, -- 1: it may have held deliveries
    platform         TEXT    NOT NULL,
    account          TEXT    NOT NULL,
    channel_id       TEXT    NOT NULL,
    thread_id        TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    user_name        TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    last_inbound_at  INTEGER NOT NULL DEFAULT 0,
    last_outbound_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX conversation_alias ON conversation (canonical) WHERE canonical <> '';

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
    before       INTEGER NOT NULL DEFAULT 0, -- attempts until the operator had it sent again
    queued_at    INTEGER NOT NULL,
    next_at      INTEGER NOT NULL DEFAULT 0,
    behind       INTEGER NOT NULL, -- 1: one that is older was open when it came, and nobody has looked since
    bulk         INTEGER NOT NULL, -- 1: nobody waits for it
    joined       TEXT    NOT NULL DEFAULT '', -- id of the delivery that it went out in one message with
    claimed_at   INTEGER NOT NULL DEFAULT 0,
    sent_by      TEXT    NOT NULL DEFAULT '', -- owner of the last attempt
    owner        TEXT    NOT NULL DEFAULT '',
    lease_until  INTEGER NOT NULL DEFAULT 0,
    message_ids  TEXT    NOT NULL DEFAULT '[]', -- JSON
    error        TEXT    NOT NULL DEFAULT '', -- JSON
    settled_at   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_conversation ON delivery (conversation, seq);
CREATE INDEX delivery_cause ON delivery (cause);
CREATE INDEX delivery_open ON delivery (conversation, seq) WHERE state IN ('queued', 'sending');
CREATE INDEX delivery_due ON delivery (bulk, next_at, seq) WHERE state = 'queued' AND behind = 0;
CREATE INDEX delivery_joined ON delivery (joined) WHERE joined <> '';
CREATE INDEX delivery_expires ON delivery (expires_at) WHERE state IN ('queued', 'held') AND expires_at > 0;
CREATE INDEX delivery_sending ON delivery (lease_until) WHERE state = 'sending';
CREATE INDEX delivery_state ON delivery (state, seq) WHERE state NOT IN ('queued', 'sent', 'delivered', 'read');

-- Attempts that have ended and counted.
CREATE TABLE attempt (
    delivery_id TEXT    NOT NULL,
    n           INTEGER NOT NULL,
    platform    TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    channel_id  TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    messages    INTEGER NOT NULL, -- that went out with it
    error       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (delivery_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_recent ON attempt (platform, account, ended_at);

-- Which deliveries a platform's message belongs to.
CREATE TABLE part (
    message_id  TEXT NOT NULL,
    platform    TEXT NOT NULL,
    account     TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    PRIMARY KEY (message_id, platform, account, delivery_id)
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

-- Who sends for an account.
CREATE TABLE sender (
    platform    TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    lease_until INTEGER NOT NULL,
    rest_until  INTEGER NOT NULL DEFAULT 0, -- the account has sent as much as it may
    PRIMARY KEY (platform, account)
) STRICT, WITHOUT ROWID;

-- What the operator keeps from being sent; an empty account is all of the platform.
CREATE TABLE pause (
    platform TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (platform, account)
) STRICT, WITHOUT ROWID;

-- One row for each durable point of a message, with all hops up to it.
CREATE TABLE trace (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    cause  TEXT    NOT NULL,
    at     INTEGER NOT NULL, -- of the first hop
    events BLOB    NOT NULL -- JSON
) STRICT;
CREATE INDEX trace_cause ON trace (cause, seq);

-- What webhooks said that are accepted and not filed yet: in their order.
CREATE TABLE arrival (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    webhook INTEGER NOT NULL, -- id of what it came with; 0: that was not kept
    said    BLOB    NOT NULL, -- JSON, without the messages' bodies
    bodies  BLOB    NOT NULL -- one after the other
) STRICT;

-- What came over the wire.
CREATE TABLE webhook (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    request BLOB    NOT NULL, -- JSON, without the body
    body    BLOB    NOT NULL
) STRICT;

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

-- When the last message of an account came in and went out. All accounts that ever had one are here.
CREATE TABLE last_time (
    platform TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    last_in  INTEGER NOT NULL DEFAULT 0,
    last_out INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, account)
) STRICT, WITHOUT ROWID;

-- Written to see that the store takes writes.
CREATE TABLE pulse (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
