//! One row of a CSV file: its fields by column, and complaints that name line and column.

use std::ops::Range;
use std::str::FromStr;

use csv::StringRecord;

use super::{Column, CsvFile};
use crate::error::DataError;

/// One row, not yet understood.
#[derive(Debug)]
pub struct Row<'f> {
    pub(super) file: &'f CsvFile,
    pub(super) record: &'f StringRecord,
    pub(super) line: u64,
    pub(super) span: Range<usize>,
}

impl Row<'_> {
    /// The field as text, which may be neither empty nor `NA`.
    ///
    /// # Errors
    /// Where it is.
    pub fn text(&self, column: Column) -> Result<&str, DataError> {
        match self.field(column) {
            "" | "NA" => Err(self.wrong(column, "a value")),
            text => Ok(text),
        }
    }

    /// The field as a `T` for which `allowed` holds.
    ///
    /// # Errors
    /// Where it is not; `expected` says what should stand there.
    pub fn value<T: FromStr>(
        &self,
        column: Column,
        expected: &str,
        allowed: impl FnOnce(&T) -> bool,
    ) -> Result<T, DataError> {
        let value = self.field(column).parse().ok().filter(allowed);
        value.ok_or_else(|| self.wrong(column, expected))
    }

    /// Like [`value`](Self::value), and `None` where nothing is known (`NA`).
    ///
    /// # Errors
    /// Where the field is neither.
    pub fn known<T: FromStr>(
        &self,
        column: Column,
        expected: &str,
        allowed: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, DataError> {
        if self.field(column) == "NA" { Ok(None) } else { self.value(column, expected, allowed).map(Some) }
    }

    /// A complaint about this row.
    pub fn bad(&self, problem: impl Into<String>, help: impl Into<String>) -> DataError {
        DataError::on_line(&self.file.path, self.line, problem, help)
    }

    /// Where the row's text lies in the file's.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn field(&self, column: Column) -> &str {
        &self.record[column.index]
    }

    fn wrong(&self, column: Column, expected: &str) -> DataError {
        self.bad(format!("`{}` is `{}`", column.name, self.field(column)), format!("expected {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_field_that_is_wrong_is_named() {
        let file = CsvFile::parse(Path::new("some.csv"), "a\nx\n".to_owned()).unwrap();
        let a = file.column("a").unwrap();
        let error = file.rows(|row| row.known(a, "a number, or NA", |_: &f64| true)).unwrap_err();
        assert_eq!(error.to_string(), "some.csv, line 2: `a` is `x`; expected a number, or NA");
    }
}
