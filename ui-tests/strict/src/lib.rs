//! Tasks and flows of every kind, in a crate whose owner tolerates nothing.

pub mod flows;
mod hooks;
pub mod tasks;

use millrun::prelude::*;

/// Runs everything once, also what stands in a function.
///
/// # Errors
/// What the first run to fail failed with.
pub fn run() -> Result<u64, FlowError> {
    /// Twice as much.
    #[task]
    fn double(x: u64) -> u64 {
        2 * x
    }

    let doubled = double.submit(3);
    let total = flows::total("2013-01".to_owned(), 4).with_retries(0).result()?;
    flows::tidy().result()?;
    Ok(doubled.result()? + total)
}
