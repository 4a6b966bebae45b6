-- A store as version 2 makes it, with one run and two transactions. Never changed: databases outlive programs.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1296649292;
PRAGMA user_version = 2;

CREATE TABLE functions (
    number INTEGER PRIMARY KEY,
    key    TEXT NOT NULL,
    name   TEXT NOT NULL,
    UNIQUE (key, name)
);
CREATE INDEX functions_by_name ON functions (name);

-- Without what is large, so that many of them lie on a page.
CREATE TABLE runs (
    kind          INTEGER NOT NULL,
    id            BLOB NOT NULL,
    function      INTEGER NOT NULL,
    version       TEXT,
    name          TEXT NOT NULL,
    tags          TEXT,
    parent        BLOB,
    flow_run      BLOB,
    root          BLOB NOT NULL,
    map_index     INTEGER,
    identity      BLOB,
    "transaction" BLOB,
    owner         BLOB,
    created       INTEGER NOT NULL,
    run_count     INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
-- An index ends with the primary key, so each of these is in the order of ids.
CREATE INDEX runs_by_function ON runs (function);
CREATE INDEX runs_by_root ON runs (root);
CREATE INDEX runs_by_type ON runs (state >> 4) WHERE state >> 4 <> 5;
CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;

CREATE TABLE tags (
    tag  TEXT NOT NULL,
    kind INTEGER NOT NULL,
    run  BLOB NOT NULL,
    PRIMARY KEY (tag, kind, run)
) WITHOUT ROWID;

CREATE TABLE parameters (
    run        BLOB PRIMARY KEY,
    parameters TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE states (
    run       BLOB NOT NULL,
    at        INTEGER NOT NULL,
    state     INTEGER NOT NULL,
    message   TEXT,
    scheduled INTEGER,
    PRIMARY KEY (run, at)
) WITHOUT ROWID;

CREATE TABLE outcomes (
    run    BLOB PRIMARY KEY,
    key    TEXT,
    record BLOB
) WITHOUT ROWID;

CREATE INDEX outcomes_by_key ON outcomes (key) WHERE key IS NOT NULL;

CREATE TABLE upstreams (
    run       BLOB NOT NULL,
    number    INTEGER NOT NULL,
    parameter TEXT,
    upstream  BLOB NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

CREATE TABLE logs (
    number   INTEGER PRIMARY KEY,
    run      BLOB NOT NULL,
    flow_run BLOB,
    at       INTEGER NOT NULL,
    level    TEXT NOT NULL,
    target   TEXT NOT NULL,
    message  TEXT NOT NULL
);
CREATE INDEX logs_by_run ON logs (run, at);
CREATE INDEX logs_by_flow_run ON logs (flow_run, at) WHERE flow_run IS NOT NULL;

CREATE TABLE transactions (
    number   INTEGER PRIMARY KEY,
    id       BLOB NOT NULL UNIQUE,
    root     BLOB NOT NULL,
    key      TEXT,
    state    INTEGER NOT NULL,
    "values" TEXT NOT NULL
, parent BLOB, owner BLOB);
CREATE INDEX transactions_by_root ON transactions (root);

-- One that was found dead, and had runs, stays without a lease.
CREATE TABLE owners (
    id      BLOB PRIMARY KEY,
    host    TEXT NOT NULL,
    pid     INTEGER NOT NULL,
    started INTEGER NOT NULL,
    lease   INTEGER
) WITHOUT ROWID;

INSERT INTO functions VALUES (1, 'etl::fetch', 'fetch');
INSERT INTO runs VALUES (0, X'01900000000080008000000000000007', 1, NULL, 'fetch-7', '["io"]', X'01900000000070008000000000000000', X'01900000000070008000000000000000', X'01900000000070008000000000000000', NULL, NULL, NULL, X'01900000000070008000000000000000', 1700000000000007001, 0, 16);
INSERT INTO tags VALUES ('io', 0, X'01900000000080008000000000000007');
INSERT INTO states VALUES (X'01900000000080008000000000000007', 1700000000000007001, 16, NULL, NULL);
INSERT INTO upstreams VALUES (X'01900000000080008000000000000007', 0, 'x', X'01900000000070008000000000000000', 1);
INSERT INTO transactions VALUES (1, X'01900000000040008000000000000001', X'01900000000070008000000000000000', 'publish', 1, '{"folder":"out"}', NULL, X'01900000000070008000000000000000');
INSERT INTO transactions VALUES (2, X'01900000000080008000000000000007', X'01900000000070008000000000000000', NULL, 2, '{}', X'01900000000040008000000000000001', X'01900000000070008000000000000000');
