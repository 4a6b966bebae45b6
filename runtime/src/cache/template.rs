//! Keys as templates say them: `"{date:%Y-%m-%d}/{task_name}.txt"`.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::fmt::strtime;

use crate::context::{date_of, today_of};
use crate::error::BoxError;
use crate::run::Run;

/// Which option says the key by name, and not by a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// `cache_key`.
    CacheKey,
    /// `result_storage_key`.
    StorageKey,
}

impl Named {
    /// What reports call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::CacheKey => "cache_key",
            Self::StorageKey => "result_storage_key",
        }
    }
}

/// A key being written, of one run; what a template names is added piece by piece.
#[doc(hidden)]
#[derive(Debug)]
pub struct KeyText<'r> {
    run: &'r Arc<Run>,
    text: String,
    problem: Option<String>,
}

#[allow(missing_docs)]
impl<'r> KeyText<'r> {
    pub(crate) fn of(run: &'r Arc<Run>) -> Self {
        Self { run, text: String::new(), problem: None }
    }

    /// The key, if there is one.
    pub(crate) fn finish(self, is_there: bool) -> Result<Option<String>, BoxError> {
        match self.problem {
            Some(problem) => Err(problem.into()),
            None => Ok(is_there.then_some(self.text)),
        }
    }

    pub fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A value that the user's run brings along: a `/` in it makes no folder.
    pub fn value(&mut self, value: fmt::Arguments<'_>) {
        let start = self.text.len();
        // Only a `Display` of the user's fails, and a `format!` would panic.
        if self.text.write_fmt(value).is_err() {
            self.problem = Some("a value of the template cannot be formatted".into());
        }
        if self.text[start..].contains(['/', '%']) {
            let escaped = self.text[start..].replace('%', "%25").replace('/', "%2F");
            self.text.replace_range(start.., &escaped);
        }
    }

    pub fn date(&mut self, format: &str) {
        let now = date_of(self.run);
        match strtime::format(format, &now) {
            Ok(date) => self.text(&date),
            Err(error) => self.problem = Some(format!("`{{date:{format}}}`: {error}")),
        }
    }

    pub fn today(&mut self, format: &str) {
        match strtime::format(format, date_of(self.run).date()) {
            Ok(today) => self.text(&today),
            Err(error) => self.problem = Some(format!("`{{today:{format}}}`: {error}")),
        }
    }

    pub fn today_nodash(&mut self) {
        let today = today_of(self.run).replace('-', "");
        self.text(&today);
    }

    pub fn flow_name(&mut self, format: fn(&dyn fmt::Display) -> String) {
        self.of_flow("flow_name", format, Run::task_name);
    }

    pub fn flow_run_id(&mut self, format: fn(&dyn fmt::Display) -> String) {
        self.of_flow("flow_run_id", format, |flow| uuid::Uuid::from_u128(flow.id()).to_string());
    }

    fn of_flow(
        &mut self,
        name: &str,
        format: fn(&dyn fmt::Display) -> String,
        read: impl FnOnce(&Run) -> String,
    ) {
        match self.run.scope.tree.flow_run() {
            Some(flow) => self.value(format_args!("{}", format(&read(&flow)))),
            None => self.problem = Some(format!("`{{{name}}}`: the run is in no flow run")),
        }
    }

    pub fn task_name(&mut self, format: fn(&dyn fmt::Display) -> String) {
        let name = self.run.task_name();
        self.value(format_args!("{}", format(&name)));
    }

    /// Nothing, outside of a map.
    pub fn map_index(&mut self, format: fn(&dyn fmt::Display) -> String) {
        if let Some(index) = crate::TaskRun(self.run.clone()).map_index() {
            self.text(&format(&index));
        }
    }
}
