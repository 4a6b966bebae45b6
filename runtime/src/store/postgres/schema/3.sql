-- Whether another run refers to the same result. A key may be longer than what other indexes take.
CREATE INDEX outcomes_by_key ON outcomes USING hash (key) WHERE key IS NOT NULL;
