//! Airports, as `airports.csv` has them.

use std::collections::HashMap;

use crate::csv_file::CsvFile;
use crate::error::DataError;

/// Where an airport lies, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coordinates {
    /// Latitude, north of the equator positive.
    pub lat: f64,
    /// Longitude, east of Greenwich positive.
    pub lon: f64,
}

/// Coordinates by the airport's code.
pub type Airports = HashMap<String, Coordinates>;

/// Takes the airports from their file.
///
/// # Errors
/// Where a column is missing, a row is broken, or an airport stands there twice.
pub fn parse(file: &CsvFile) -> Result<Airports, DataError> {
    let [code, lat, lon] = [file.column("faa")?, file.column("lat")?, file.column("lon")?];
    let mut airports = Airports::new();
    file.rows(|row| {
        let lat = row.value(lat, "degrees", |degrees: &f64| degrees.is_finite())?;
        let lon = row.value(lon, "degrees", |degrees: &f64| degrees.is_finite())?;
        let code = row.text(code)?;
        match airports.insert(code.to_owned(), Coordinates { lat, lon }) {
            None => Ok(()),
            Some(_) => {
                Err(row.bad(format!("the airport `{code}` stands here a second time"), "keep one row"))
            }
        }
    })?;
    Ok(airports)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    pub(crate) fn airports(rows: &str) -> Result<Airports, DataError> {
        parse(&CsvFile::parse(Path::new("airports.csv"), format!("faa,name,lat,lon\n{rows}"))?)
    }

    #[test]
    fn an_airport_has_coordinates() {
        let airports = airports("JFK,\"Kennedy, John F.\",40.639751,-73.778925\n").unwrap();
        assert_eq!(airports["JFK"], Coordinates { lat: 40.639_751, lon: -73.778_925 });
    }

    #[test]
    fn a_broken_row_is_refused() {
        for (row, complaint) in [
            ("EWR,Newark,NA,2\n", "`lat` is `NA`; expected degrees"),
            ("JFK,Kennedy,1,2\n", "the airport `JFK` stands here a second time; keep one row"),
        ] {
            let error = airports(&format!("JFK,Kennedy,1,2\n{row}")).unwrap_err();
            assert_eq!(error.to_string(), format!("airports.csv, line 3: {complaint}"));
        }
    }
}
