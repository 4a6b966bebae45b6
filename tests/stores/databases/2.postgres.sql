-- Tables as version 2 makes them, with one run and two transactions. Never changed: databases outlive programs.
CREATE TABLE millrun_version (version BIGINT NOT NULL);
INSERT INTO millrun_version VALUES (2);

CREATE TABLE functions (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key    TEXT NOT NULL,
    name   TEXT NOT NULL,
    UNIQUE (key, name)
);
CREATE INDEX functions_by_name ON functions (name);

CREATE TABLE runs (
    kind          SMALLINT NOT NULL,
    id            UUID NOT NULL,
    function      BIGINT NOT NULL,
    version       TEXT,
    name          TEXT NOT NULL,
    tags          TEXT,
    parent        UUID,
    flow_run      UUID,
    root          UUID NOT NULL,
    map_index     BIGINT,
    identity      UUID,
    "transaction" UUID,
    owner         UUID,
    created       BIGINT NOT NULL,
    run_count     BIGINT NOT NULL,
    state         SMALLINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX runs_by_function ON runs (function, kind, id);
CREATE INDEX runs_by_root ON runs (root, kind, id);
CREATE INDEX runs_by_type ON runs ((state >> 4), kind, id) WHERE state >> 4 <> 5;
CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;

CREATE TABLE tags (
    tag  TEXT NOT NULL,
    kind SMALLINT NOT NULL,
    run  UUID NOT NULL,
    PRIMARY KEY (tag, kind, run)
);
CREATE INDEX tags_by_run ON tags (run);

CREATE TABLE parameters (
    run        UUID PRIMARY KEY,
    parameters TEXT NOT NULL
);

CREATE TABLE states (
    run       UUID NOT NULL,
    at        BIGINT NOT NULL,
    state     SMALLINT NOT NULL,
    message   TEXT,
    scheduled BIGINT,
    PRIMARY KEY (run, at)
);

CREATE TABLE outcomes (
    run    UUID PRIMARY KEY,
    key    TEXT,
    record BYTEA
);

CREATE INDEX outcomes_by_key ON outcomes USING hash (key) WHERE key IS NOT NULL;

CREATE TABLE upstreams (
    run       UUID NOT NULL,
    number    BIGINT NOT NULL,
    parameter TEXT,
    upstream  UUID NOT NULL,
    count     BIGINT NOT NULL,
    PRIMARY KEY (run, number)
);

CREATE TABLE logs (
    number   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      UUID NOT NULL,
    flow_run UUID,
    at       BIGINT NOT NULL,
    level    TEXT NOT NULL,
    target   TEXT NOT NULL,
    message  TEXT NOT NULL
);
CREATE INDEX logs_by_run ON logs (run, at, number);
CREATE INDEX logs_by_flow_run ON logs (flow_run, at, number) WHERE flow_run IS NOT NULL;

CREATE TABLE transactions (
    number   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       UUID NOT NULL UNIQUE,
    root     UUID NOT NULL,
    key      TEXT,
    state    SMALLINT NOT NULL,
    "values" TEXT NOT NULL,
    parent   UUID,
    owner    UUID
);
CREATE INDEX transactions_by_root ON transactions (root, number);

-- One that was found dead, and had runs, stays without a lease.
CREATE TABLE owners (
    id      UUID PRIMARY KEY,
    host    TEXT NOT NULL,
    pid     BIGINT NOT NULL,
    started BIGINT NOT NULL,
    lease   BIGINT
);

INSERT INTO functions (key, name) VALUES ('etl::fetch', 'fetch');
INSERT INTO runs VALUES (0, '01900000-0000-8000-8000-000000000007', 1, NULL, 'fetch-7', '["io"]', '01900000-0000-7000-8000-000000000000', '01900000-0000-7000-8000-000000000000', '01900000-0000-7000-8000-000000000000', NULL, NULL, NULL, '01900000-0000-7000-8000-000000000000', 1700000000000007001, 0, 16);
INSERT INTO tags VALUES ('io', 0, '01900000-0000-8000-8000-000000000007');
INSERT INTO states VALUES ('01900000-0000-8000-8000-000000000007', 1700000000000007001, 16, NULL, NULL);
INSERT INTO upstreams VALUES ('01900000-0000-8000-8000-000000000007', 1, 'x', '01900000-0000-7000-8000-000000000000', 1);
INSERT INTO transactions (id, root, key, state, "values", parent, owner) VALUES ('01900000-0000-4000-8000-000000000001', '01900000-0000-7000-8000-000000000000', 'publish', 1, '{"folder":"out"}', NULL, '01900000-0000-7000-8000-000000000000'), ('01900000-0000-8000-8000-000000000007', '01900000-0000-7000-8000-000000000000', NULL, 2, '{}', '01900000-0000-4000-8000-000000000001', '01900000-0000-7000-8000-000000000000');
