-- What the numbers in `kind`, `state` and the like mean is said in `store/code.rs`. Times are nanoseconds.

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
    "values" TEXT NOT NULL
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
