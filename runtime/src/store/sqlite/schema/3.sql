-- Whether another run refers to the same result.
CREATE INDEX outcomes_by_key ON outcomes (key) WHERE key IS NOT NULL;
