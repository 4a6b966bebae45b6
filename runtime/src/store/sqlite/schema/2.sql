-- Which transaction another one is in, and who has it: what is rolled back of a flow run that was interrupted.

ALTER TABLE transactions ADD COLUMN parent BLOB;
ALTER TABLE transactions ADD COLUMN owner BLOB;

-- Whether another run refers to the same result.
CREATE INDEX outcomes_by_key ON outcomes (key) WHERE key IS NOT NULL;
