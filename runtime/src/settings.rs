//! Settings: from the builder, then `MILLRUN_*` variables, then `millrun.toml`, then the defaults.
//!
//! | builder | variable | `millrun.toml` | default |
//! |---|---|---|---|
//! | `default_retries(n)` | `MILLRUN_TASKS_DEFAULT_RETRIES` | `tasks.default_retries` | 0 |
//! | `default_retry_delay(d)` | `MILLRUN_TASKS_DEFAULT_RETRY_DELAY` | `tasks.default_retry_delay` | none |
//! | `record_parameters(b)` | `MILLRUN_TASKS_RECORD_PARAMETERS` | `tasks.record_parameters` | false |
//! | `refresh_cache(b)` | `MILLRUN_TASKS_REFRESH_CACHE` | `tasks.refresh_cache` | false |
//! | `persist_results_by_default(b)` | `MILLRUN_RESULTS_PERSIST_BY_DEFAULT` | `results.persist_by_default` | false |
//! | `roll_back_interrupted(b)` | `MILLRUN_ROLL_BACK_INTERRUPTED` | `roll_back_interrupted` | false |
//! | `task_runner(r)` | `MILLRUN_TASK_RUNNER` (`sequential`, `concurrent`, `thread_pool`) | `task_runner` | `thread_pool` |
//! | `task_runner(r)` | `MILLRUN_MAX_WORKERS` | `max_workers` | the number of cores |
//! | `handle_signals(b)` | `MILLRUN_HANDLE_SIGNALS` | `handle_signals` | false |
//! | `strict_limits()` | `MILLRUN_STRICT_LIMITS` | `strict_limits` | false |
//! | `concurrency_limit(name, n)` | | `[concurrency_limits]` `db = 4` | none |
//! | `rate_limit(name, n, d)` | | `[rate_limits]` `api = { permits = 10, per = "1s" }` | none |
//!
//! A name is a concurrency limit or a rate limit: one set in the builder replaces whatever limit of that name the file has. A
//! variable that is empty is as good as not set.
//!
//! `millrun.toml` is looked for in the working directory, or where `MILLRUN_CONFIG` points. `MILLRUN_LOGGING_LEVEL` is read by
//! `millrun::logging::init()`.
//!
//! A setting that cannot be read is an error of [`EngineBuilder::try_build`](crate::EngineBuilder::try_build).

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::duration::parse_duration;
use crate::limit::Rule;

/// Which runner an engine has by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunnerName {
    Sequential,
    Concurrent,
    ThreadPool,
}

impl FromStr for RunnerName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "sequential" => Ok(Self::Sequential),
            "concurrent" => Ok(Self::Concurrent),
            "thread_pool" => Ok(Self::ThreadPool),
            _ => Err(()),
        }
    }
}

/// What was set, by whatever source; `None` where nothing was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) default_retries: Option<u32>,
    pub(crate) default_retry_delay: Option<Duration>,
    pub(crate) record_parameters: Option<bool>,
    pub(crate) refresh_cache: Option<bool>,
    pub(crate) persist_results_by_default: Option<bool>,
    pub(crate) task_runner: Option<RunnerName>,
    pub(crate) max_workers: Option<usize>,
    pub(crate) handle_signals: Option<bool>,
    pub(crate) roll_back_interrupted: Option<bool>,
    pub(crate) strict_limits: Option<bool>,
    /// Concurrency limits and rate limits: a name is one or the other.
    pub(crate) limits: BTreeMap<String, Rule>,
}

/// A setting that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    place: String,
    problem: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to read {}: {}", self.place, self.problem)
    }
}

impl Error for SettingsError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct File {
    tasks: Tasks,
    results: Results,
    task_runner: Option<RunnerName>,
    max_workers: Option<usize>,
    handle_signals: Option<bool>,
    roll_back_interrupted: Option<bool>,
    strict_limits: Option<bool>,
    concurrency_limits: BTreeMap<String, usize>,
    rate_limits: BTreeMap<String, Rate>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Tasks {
    default_retries: Option<u32>,
    default_retry_delay: Option<String>,
    record_parameters: Option<bool>,
    refresh_cache: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Results {
    persist_by_default: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    permits: u32,
    per: String,
}

impl Settings {
    /// What the environment and the file say.
    pub(crate) fn load() -> Result<Self, SettingsError> {
        let path = std::env::var_os("MILLRUN_CONFIG");
        let file = match &path {
            Some(path) => Self::read(Path::new(path), true)?,
            None => Self::read(Path::new("millrun.toml"), false)?,
        };
        Ok(Self::from_variables(|name| std::env::var(name).ok())?.over(file))
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        fn parse<T>(
            get: impl Fn(&str) -> Option<String>,
            name: &str,
            parse: impl FnOnce(&str) -> Result<T, String>,
        ) -> Result<Option<T>, SettingsError> {
            let text = get(name).filter(|text| !text.is_empty());
            let value = text.map(|text| parse(&text)).transpose();
            value.map_err(|problem| SettingsError { place: format!("the variable {name}"), problem })
        }
        fn as_a<T: FromStr>(accepted: &str) -> impl FnOnce(&str) -> Result<T, String> {
            move |text| text.parse().map_err(|_| format!("`{text}` is not {accepted}"))
        }
        let switch = "`true` or `false`";
        Ok(Self {
            default_retries: parse(&get, "MILLRUN_TASKS_DEFAULT_RETRIES", as_a("a whole number, 0 or more"))?,
            default_retry_delay: parse(&get, "MILLRUN_TASKS_DEFAULT_RETRY_DELAY", parse_duration)?,
            record_parameters: parse(&get, "MILLRUN_TASKS_RECORD_PARAMETERS", as_a(switch))?,
            refresh_cache: parse(&get, "MILLRUN_TASKS_REFRESH_CACHE", as_a(switch))?,
            persist_results_by_default: parse(&get, "MILLRUN_RESULTS_PERSIST_BY_DEFAULT", as_a(switch))?,
            task_runner: parse(
                &get,
                "MILLRUN_TASK_RUNNER",
                as_a("a task runner: write `sequential`, `concurrent` or `thread_pool`"),
            )?,
            max_workers: parse(&get, "MILLRUN_MAX_WORKERS", as_a::<NonZeroUsize>(AT_LEAST_ONE))?
                .map(NonZeroUsize::get),
            handle_signals: parse(&get, "MILLRUN_HANDLE_SIGNALS", as_a(switch))?,
            roll_back_interrupted: parse(&get, "MILLRUN_ROLL_BACK_INTERRUPTED", as_a(switch))?,
            strict_limits: parse(&get, "MILLRUN_STRICT_LIMITS", as_a(switch))?,
            limits: BTreeMap::new(),
        })
    }

    fn read(path: &Path, required: bool) -> Result<Self, SettingsError> {
        let error = |problem: String| SettingsError { place: format!("`{}`", path.display()), problem };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound && !required => {
                return Ok(Self::default());
            }
            Err(other) => return Err(error(other.to_string())),
        };
        let file: File = toml::from_str(&text).map_err(|problem| error(problem.to_string()))?;
        file.into_settings().map_err(error)
    }

    /// Sets a limit, in place of another of that name.
    pub(crate) fn set_limit(&mut self, name: String, rule: Rule) {
        self.limits.insert(name, rule);
    }

    /// These, and where they say nothing, `others`.
    pub(crate) fn over(self, others: Self) -> Self {
        let mut limits = others.limits;
        limits.extend(self.limits);
        Self {
            default_retries: self.default_retries.or(others.default_retries),
            default_retry_delay: self.default_retry_delay.or(others.default_retry_delay),
            record_parameters: self.record_parameters.or(others.record_parameters),
            refresh_cache: self.refresh_cache.or(others.refresh_cache),
            persist_results_by_default: self.persist_results_by_default.or(others.persist_results_by_default),
            task_runner: self.task_runner.or(others.task_runner),
            max_workers: self.max_workers.or(others.max_workers),
            handle_signals: self.handle_signals.or(others.handle_signals),
            roll_back_interrupted: self.roll_back_interrupted.or(others.roll_back_interrupted),
            strict_limits: self.strict_limits.or(others.strict_limits),
            limits,
        }
    }
}

/// Where Millrun keeps things if nothing else is said: `MILLRUN_HOME`, else `.millrun` in the user's home directory.
pub(crate) fn home() -> Option<PathBuf> {
    let given = std::env::var_os("MILLRUN_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let user = || std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    given.or_else(|| user().map(|home| home.join(".millrun")))
}

const AT_LEAST_ONE: &str = "a whole number, 1 or more";

impl File {
    /// The same as settings, or which key is wrong.
    fn into_settings(self) -> Result<Settings, String> {
        let duration =
            |key: &str, text: &str| parse_duration(text).map_err(|wrong| format!("`{key}`: {wrong}"));
        let positive = |key: &str, number: usize| match number {
            0 => Err(format!("`{key}`: `0` is not {AT_LEAST_ONE}")),
            number => Ok(number),
        };
        let delay = self.tasks.default_retry_delay;
        let mut limits = BTreeMap::new();
        for (name, slots) in self.concurrency_limits {
            let slots = positive(&format!("concurrency_limits.{name}"), slots)?;
            limits.insert(name, Rule::Slots(slots));
        }
        for (name, rate) in self.rate_limits {
            let key = format!("rate_limits.{name}");
            positive(&format!("{key}.permits"), rate.permits as usize)?;
            let period = duration(&format!("{key}.per"), &rate.per)?;
            if limits.contains_key(&name) {
                return Err(format!(
                    "`{key}`: there is a concurrency limit of that name; a limit is one or the other"
                ));
            }
            limits.insert(name, Rule::Rate { permits: rate.permits, period });
        }
        Ok(Settings {
            default_retries: self.tasks.default_retries,
            default_retry_delay: delay
                .map(|text| duration("tasks.default_retry_delay", &text))
                .transpose()?,
            record_parameters: self.tasks.record_parameters,
            refresh_cache: self.tasks.refresh_cache,
            persist_results_by_default: self.results.persist_by_default,
            task_runner: self.task_runner,
            max_workers: self.max_workers.map(|workers| positive("max_workers", workers)).transpose()?,
            handle_signals: self.handle_signals,
            roll_back_interrupted: self.roll_back_interrupted,
            strict_limits: self.strict_limits,
            limits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_go_before_the_file_and_say_what_is_wrong() {
        let get = |name: &str| (name == "MILLRUN_TASKS_DEFAULT_RETRIES").then(|| "2".to_owned());
        let settings = Settings::from_variables(get).unwrap();
        let file = Settings { default_retries: Some(1), max_workers: Some(3), ..Settings::default() };
        let both = settings.over(file);
        assert_eq!((both.default_retries, both.max_workers), (Some(2), Some(3)));

        let error =
            Settings::from_variables(|name| (name == "MILLRUN_MAX_WORKERS").then(|| "many".to_owned()));
        assert_eq!(
            error.unwrap_err().to_string(),
            "failed to read the variable MILLRUN_MAX_WORKERS: `many` is not a whole number, 1 or more"
        );
    }
}
