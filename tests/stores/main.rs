//! Run stores: the suite that all of them pass, and what each promises beside it.

#![allow(missing_docs)]

mod conformance;
mod folder;
