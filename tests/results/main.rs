//! Results that are kept, and locks on keys, through the public interface.

mod erased;
mod folder;
mod keys;
mod lock_files;
mod locks;
mod logs;
mod operations;
mod places;
mod processes;
mod records;
mod rights;
mod s3;
mod serializers;
mod writers;
