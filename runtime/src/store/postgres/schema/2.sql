-- Which transaction another one is in, and who has it: what is rolled back of a flow run that was interrupted.

ALTER TABLE transactions ADD COLUMN parent UUID, ADD COLUMN owner UUID;

-- Whether another run refers to the same result. A key may be longer than what other indexes take.
CREATE INDEX outcomes_by_key ON outcomes USING hash (key) WHERE key IS NOT NULL;
