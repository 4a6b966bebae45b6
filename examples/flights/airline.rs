//! Airlines, as `airlines.csv` has them.

use std::collections::HashMap;

use crate::csv_file::CsvFile;
use crate::error::DataError;

/// Names by the carrier's code.
pub type Airlines = HashMap<String, String>;

/// Takes the airlines from their file.
///
/// # Errors
/// Where a column is missing, a row is broken, or a carrier stands there twice.
pub fn parse(file: &CsvFile) -> Result<Airlines, DataError> {
    let [code, name] = [file.column("carrier")?, file.column("name")?];
    let mut airlines = Airlines::new();
    file.rows(|row| {
        let code = row.text(code)?;
        match airlines.insert(code.to_owned(), row.text(name)?.to_owned()) {
            None => Ok(()),
            Some(_) => {
                Err(row.bad(format!("the carrier `{code}` stands here a second time"), "keep one row"))
            }
        }
    })?;
    Ok(airlines)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_carrier_has_one_name() {
        let file =
            |rows: &str| CsvFile::parse(Path::new("airlines.csv"), format!("carrier,name\n{rows}")).unwrap();
        assert_eq!(parse(&file("B6,JetBlue Airways\n")).unwrap()["B6"], "JetBlue Airways");
        let error = parse(&file("B6,JetBlue\nB6,JetBlue\n")).unwrap_err();
        let message = "airlines.csv, line 3: the carrier `B6` stands here a second time; keep one row";
        assert_eq!(error.to_string(), message);
    }
}
