//! Pictures as files, of the kind that the extension says.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(feature = "svg")]
use super::Gantt;
use super::Graph;
use crate::error::BoxError;

/// A picture could not be saved.
#[derive(Debug)]
pub struct PictureError {
    message: String,
    source: Option<BoxError>,
}

impl PictureError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for PictureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Dot,
    Mermaid,
    Svg,
    Png,
    Pdf,
}

impl Format {
    /// That of a file, and the file's path: without an extension it is a PDF and gets that.
    fn of(path: &Path, known: &[(&str, Self)]) -> Result<(Self, PathBuf), PictureError> {
        let Some(extension) = path.extension() else { return Ok((Self::Pdf, path.with_extension("pdf"))) };
        let extension = extension.to_string_lossy();
        let found = known.iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
        found.map(|(_, format)| (*format, path.to_owned())).ok_or_else(|| {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("`.{name}`")).collect();
            PictureError::new(format!(
                "`.{extension}` is not a kind of picture that can be drawn: write {}, or no extension for a PDF",
                names.join(", ")
            ))
        })
    }

    /// Makes a picture of SVG.
    fn of_svg(self, svg: impl FnOnce() -> Result<String, PictureError>) -> Result<Vec<u8>, PictureError> {
        match self {
            Self::Png => png(&svg()?),
            Self::Pdf => pdf(&svg()?),
            _ => Ok(svg()?.into_bytes()),
        }
    }
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<PathBuf, PictureError> {
    match std::fs::write(&path, bytes) {
        Ok(()) => Ok(path),
        Err(error) => {
            let message = format!("failed to write `{}`: {error}", path.display());
            Err(PictureError::new(message).with_source(error))
        }
    }
}

impl Graph {
    /// Draws the graph into a file, whose extension says how: `.dot` or `.gv`, `.mmd`; with the feature `svg`, `.svg`; with the
    /// feature `pictures`, `.png` and `.pdf`. A path without an extension gets `.pdf`. A file that is there is replaced. Gives the
    /// path of the file.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task] fn one() -> u32 { 1 }
    /// #[flow] fn small() -> Result<u32, FlowError> { Ok(one.submit().result()?) }
    ///
    /// let graph = small().report_blocking().graph();
    /// let path = graph.save(std::env::temp_dir().join("millrun-small.dot")).unwrap();
    /// assert!(std::fs::read_to_string(path).unwrap().starts_with("digraph \"small\""));
    /// assert!(graph.save("small.doc").is_err());
    /// ```
    ///
    /// # Errors
    /// The extension is none of these, the feature is not there, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<PathBuf, PictureError> {
        const KNOWN: &[(&str, Format)] = &[
            ("dot", Format::Dot),
            ("gv", Format::Dot),
            ("mmd", Format::Mermaid),
            ("svg", Format::Svg),
            ("png", Format::Png),
            ("pdf", Format::Pdf),
        ];
        let (format, path) = Format::of(path.as_ref(), KNOWN)?;
        let bytes = match format {
            Format::Dot => self.to_dot().into_bytes(),
            Format::Mermaid => self.to_mermaid().into_bytes(),
            _ => format.of_svg(|| self.svg())?,
        };
        write(path, &bytes)
    }

    #[cfg(feature = "svg")]
    #[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
    fn svg(&self) -> Result<String, PictureError> {
        Ok(self.to_svg())
    }

    #[cfg(not(feature = "svg"))]
    #[expect(clippy::unused_self, reason = "with the feature it is what is drawn")]
    fn svg(&self) -> Result<String, PictureError> {
        Err(PictureError::new(
            "graphs are drawn with the feature `svg` of `millrun`: turn it on in `Cargo.toml`",
        ))
    }
}

#[cfg(feature = "svg")]
impl Gantt<'_> {
    /// Draws the chart into a file: `.svg`, or, with the feature `pictures`, `.png` and `.pdf`. A path without an extension gets
    /// `.pdf`. A file that is there is replaced. Gives the path of the file.
    ///
    /// # Errors
    /// The extension is none of these, the feature is not there, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<PathBuf, PictureError> {
        const KNOWN: &[(&str, Format)] = &[("svg", Format::Svg), ("png", Format::Png), ("pdf", Format::Pdf)];
        let (format, path) = Format::of(path.as_ref(), KNOWN)?;
        let bytes = format.of_svg(|| Ok(self.to_svg()))?;
        write(path, &bytes)
    }
}

#[cfg(feature = "pictures")]
fn png(svg: &str) -> Result<Vec<u8>, PictureError> {
    super::print::png(svg).map_err(undrawn)
}

#[cfg(feature = "pictures")]
fn pdf(svg: &str) -> Result<Vec<u8>, PictureError> {
    super::print::pdf(svg).map_err(undrawn)
}

#[cfg(feature = "pictures")]
fn undrawn(error: BoxError) -> PictureError {
    PictureError::new(format!("failed to draw the picture: {error}")).with_source(error)
}

#[cfg(not(feature = "pictures"))]
fn png(_svg: &str) -> Result<Vec<u8>, PictureError> {
    Err(PictureError::new(
        "PNG needs the feature `pictures` of `millrun`: turn it on in `Cargo.toml`, or save an `.svg`",
    ))
}

#[cfg(not(feature = "pictures"))]
fn pdf(_svg: &str) -> Result<Vec<u8>, PictureError> {
    Err(PictureError::new(
        "PDF needs the feature `pictures` of `millrun`: turn it on in `Cargo.toml`, or save an `.svg`",
    ))
}
