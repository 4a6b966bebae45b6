//! Whether a failed attempt is followed by another, and when.

use std::sync::Arc;
use std::time::Duration;

use super::slice;
use crate::error::{ErrorKind, TaskError};
use crate::options::Effective;
use crate::panic;
use crate::run::{Run, state_message};

/// How often a run may be retried.
pub(super) fn retries(run: &Run, effective: &Effective<'_>, can_repeat: bool) -> u32 {
    if !can_repeat {
        return 0;
    }
    let default = if run.spec.is_flow { None } else { run.scope.engine.settings().default_retries };
    effective.retries().or(default).unwrap_or(0)
}

/// The delay before the attempt that is to follow the one that has ended with `error`; `None` if that was the last.
pub(super) fn next(run: &Arc<Run>, can_repeat: bool, error: &TaskError) -> Option<Duration> {
    if !matches!(error.kind(), ErrorKind::Failed | ErrorKind::TimedOut | ErrorKind::TriggerFailed) {
        return None;
    }
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    let failed = run.cell.lock().log.attempts();
    let retries = retries(run, &effective, can_repeat);
    if failed > retries || run.is_cancelling() || slice::left(run).is_some() {
        return None;
    }
    match panic::catch(|| effective.may_retry(error)) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(panic) => {
            log!(error, "{} - `retry_if` panicked, which counts as no: {}", run.label(), panic.message);
            return None;
        }
    }
    let default = if run.spec.is_flow { None } else { run.scope.engine.settings().default_retry_delay };
    let delay = effective.delay_after(failed - 1).or(default).unwrap_or_default();
    let delay = jittered(delay, effective.jitter(), random());
    log(run, error, failed, retries, delay);
    Some(delay)
}

/// Says so, as Prefect does.
fn log(run: &Run, error: &TaskError, retry: u32, retries: u32, delay: Duration) {
    let start = if delay.is_zero() {
        "immediately".to_owned()
    } else {
        // To the millisecond: a jittered delay has as many digits as there are.
        format!("{} second(s) from now", Duration::from_millis(saturating_millis(delay)).as_secs_f64())
    };
    let said = state_message(run.spec, error);
    log!(warn, "{} - {said} - Retry {retry}/{retries} will start {start}", run.label());
}

fn saturating_millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// Uniform in `delay` × [1 − factor, 1 + factor]; `random` is in [0, 1).
fn jittered(delay: Duration, factor: f64, random: f64) -> Duration {
    if factor <= 0.0 || delay.is_zero() {
        return delay;
    }
    delay.mul_f64((1.0 + factor * (2.0 * random - 1.0)).max(0.0))
}

/// A number in [0, 1), from the randomness that ids are made of.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() >> 75;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_uniform_around_the_delay() {
        let samples: Vec<f64> =
            (0..1000).map(|_| jittered(Duration::from_secs(10), 0.5, random()).as_secs_f64()).collect();
        assert!(samples.iter().all(|sample| (5.0..=15.0).contains(sample)));
        let mean = samples.iter().sum::<f64>() / 1000.0;
        // Five standard errors of a uniform distribution of that width.
        assert!((mean - 10.0).abs() < 5.0 * 2.887 / 1000_f64.sqrt(), "{mean}");
        let low = samples.iter().copied().fold(f64::MAX, f64::min);
        let high = samples.iter().copied().fold(0.0, f64::max);
        assert!(low < 5.5 && high > 14.5, "{low} {high}");
    }
}
