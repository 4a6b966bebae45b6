//! One CSV file in memory: columns by name, rows with their line, and every complaint with its place.

mod row;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::error::DataError;

pub use row::Row;

/// A CSV file with a header line.
#[derive(Debug)]
pub struct CsvFile {
    path: PathBuf,
    text: String,
    header: StringRecord,
    header_span: Range<usize>,
}

/// A column that the file has.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    name: &'static str,
    index: usize,
}

impl CsvFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it cannot be read or is not UTF-8.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let bytes = fs::read(path).map_err(|source| DataError::unreadable(path, source))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let sound = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
            let line = 1 + sound.matches('\n').count() as u64;
            DataError::on_line(path, line, "is not UTF-8", "save the file as UTF-8")
        })?;
        Self::parse(path, text)
    }

    /// Takes `text` as the content of the file at `path`.
    ///
    /// # Errors
    /// Where there is not even a header.
    pub fn parse(path: &Path, mut text: String) -> Result<Self, DataError> {
        if text.starts_with('\u{feff}') {
            text.remove(0); // some spreadsheets write this mark
        }
        let mut file = Self { path: path.to_owned(), text, header: StringRecord::new(), header_span: 0..0 };
        let mut header = StringRecord::new();
        let mut reader = file.reader();
        if let Some((_, span)) = file.next_record(&mut reader, &mut header)? {
            file.header_span = span;
            file.header = header;
            return Ok(file);
        }
        Err(DataError::in_file(path, "is empty", "expected a header line and rows"))
    }

    /// Finds a column by its name in the header.
    ///
    /// # Errors
    /// Where there is none of that name, or more than one.
    pub fn column(&self, name: &'static str) -> Result<Column, DataError> {
        let mut found = self.header.iter().enumerate().filter(|(_, title)| *title == name);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(Column { name, index }),
            (Some(_), Some(_)) => Err(self.bad_header(format!("has the column `{name}` twice"), "keep one")),
            (None, _) => {
                let titles: Vec<_> = self.header.iter().map(|title| format!("`{title}`")).collect();
                let problem = format!("the column `{name}` is missing");
                Err(self
                    .bad_header(problem, &format!("add it to the header, which has {}", titles.join(", "))))
            }
        }
    }

    /// Makes a `T` of each row, and stops at the first that is broken.
    ///
    /// # Errors
    /// Where a row has not as many fields as the header, or `make` refuses it.
    pub fn rows<T>(
        &self,
        mut make: impl FnMut(&Row<'_>) -> Result<T, DataError>,
    ) -> Result<Vec<T>, DataError> {
        let mut reader = self.reader();
        let mut record = StringRecord::new();
        self.next_record(&mut reader, &mut record)?; // the header
        let mut rows = Vec::new();
        while let Some((line, span)) = self.next_record(&mut reader, &mut record)? {
            if record.len() != self.header.len() {
                let problem = format!("{} fields instead of {}", record.len(), self.header.len());
                let help = "each row needs as many fields as the header";
                return Err(DataError::on_line(&self.path, line, problem, help));
            }
            rows.push(make(&Row { file: self, record: &record, line, span })?);
        }
        Ok(rows)
    }

    /// The header line as it stands in the file.
    pub fn header_span(&self) -> Range<usize> {
        self.header_span.clone()
    }

    /// Gives up everything but the text, which the spans of header and rows point into.
    pub fn into_text(self) -> String {
        self.text
    }

    fn bad_header(&self, problem: String, help: &str) -> DataError {
        DataError::on_line(&self.path, 1, problem, help)
    }

    fn reader(&self) -> Reader<&[u8]> {
        ReaderBuilder::new().has_headers(false).flexible(true).from_reader(self.text.as_bytes())
    }

    /// Reads on to the next record; returns its line and where its text lies.
    fn next_record(
        &self,
        reader: &mut Reader<&[u8]>,
        record: &mut StringRecord,
    ) -> Result<Option<(u64, Range<usize>)>, DataError> {
        let (from, line) = (offset(reader), reader.position().line());
        let found = reader.read_record(record);
        if !found.map_err(|error| DataError::on_line(&self.path, line, error.to_string(), "mend the row"))? {
            return Ok(None);
        }
        // The reader skips blank lines as part of the record after them.
        let read = &self.text[from..offset(reader)];
        let text = read.trim_start_matches(['\r', '\n']);
        let blank = &read[..read.len() - text.len()];
        let start = from + blank.len();
        let end = start + text.trim_end_matches(['\r', '\n']).len();
        Ok(Some((line + blank.matches('\n').count() as u64, start..end)))
    }
}

/// How many bytes the reader has taken.
fn offset(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.position().byte()).expect("the text is in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> CsvFile {
        CsvFile::parse(Path::new("some.csv"), text.to_owned()).unwrap()
    }

    fn lines(text: &str) -> Result<Vec<(u64, String)>, String> {
        let file = file(text);
        let rows = file.rows(|row| Ok((row.line, file.text[row.span()].to_owned())));
        rows.map_err(|error| error.to_string())
    }

    #[test]
    fn rows_know_their_line_and_text() {
        let expected = vec![(2, "1,2".to_owned()), (4, "3,\"x\ny\"".to_owned()), (6, "5,6".to_owned())];
        assert_eq!(lines("a,b\n1,2\n\n3,\"x\ny\"\n5,6\n"), Ok(expected));
        assert_eq!(lines("\u{feff}a,b\r\n\r\n1,2\r\n"), Ok(vec![(3, "1,2".to_owned())]));
        assert_eq!(lines("a,b"), Ok(vec![]));
    }

    #[test]
    fn a_row_needs_as_many_fields_as_the_header() {
        let message = "some.csv, line 4: 1 fields instead of 2; each row needs as many fields as the header";
        assert_eq!(lines("a,b\n1,2\n\n3\n"), Err(message.to_owned()));
    }

    #[test]
    fn columns_are_found_by_name() {
        let file = file("b,a,b\n1,2,3\n");
        let a = file.column("a").unwrap();
        assert_eq!(file.rows(|row| row.value(a, "a number", |_: &u8| true)).unwrap(), [2]);
        let message = "some.csv, line 1: has the column `b` twice; keep one";
        assert_eq!(file.column("b").unwrap_err().to_string(), message);
        let message =
            "some.csv, line 1: the column `c` is missing; add it to the header, which has `b`, `a`, `b`";
        assert_eq!(file.column("c").unwrap_err().to_string(), message);
    }

    #[test]
    fn an_empty_file_is_an_error() {
        let error = CsvFile::parse(Path::new("some.csv"), "\n\n".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "some.csv: is empty; expected a header line and rows");
    }
}
