-- Which transaction another one is in, and who has it: what is rolled back of a flow run that was interrupted.

ALTER TABLE transactions ADD COLUMN parent BLOB;
ALTER TABLE transactions ADD COLUMN owner BLOB;
