//! PNG and PDF, made of SVG. The letters are those of fonts that come along, so that they are the same everywhere; only what these
//! do not have is taken from fonts of the system.

use std::sync::Arc;

use krilla::Document;
use krilla::geom::Size;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt as _, SvgSettings};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use crate::error::BoxError;

/// So many dots for each point, where there is room.
const SCALE: f32 = 2.0;
/// The most dots of a PNG, and the longest side of a page of a PDF that readers show.
const DOTS: f32 = 48_000_000.0;
const PAGE: f32 = 14_400.0;

pub(super) fn png(svg: &str) -> Result<Vec<u8>, BoxError> {
    let tree = read(svg)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SCALE.min((DOTS / (width * height)).sqrt());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are small, and not negative"
    )]
    let dots = |length: f32| (length * scale).ceil().max(1.0) as u32;
    let mut picture = Pixmap::new(dots(width), dots(height)).ok_or("it is too large")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
    Ok(picture.encode_png()?)
}

pub(super) fn pdf(svg: &str) -> Result<Vec<u8>, BoxError> {
    let tree = read(svg)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = (PAGE / width.max(height)).min(1.0);
    let (width, height) = (width * scale, height * scale);
    let size = Size::from_wh(width, height).ok_or("it has no size")?;
    let settings = PageSettings::from_wh(width, height).ok_or("it has no size")?;
    let mut document = Document::new();
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    surface.draw_svg(&tree, size, SvgSettings::default()).ok_or("it cannot be drawn as PDF")?;
    surface.finish();
    page.finish();
    document.finish().map_err(|error| format!("{error:?}").into())
}

fn read(svg: &str) -> Result<Tree, BoxError> {
    let mut fonts = Database::new();
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.load_font_data(epaint_default_fonts::NOTO_EMOJI_REGULAR.to_vec());
    fonts.set_monospace_family("Hack");
    // Reading the system's takes longer than all else.
    if svg.chars().any(|c| c >= '\u{500}') {
        fonts.load_system_fonts();
    }
    let options = Options { font_family: "Hack".into(), fontdb: Arc::new(fonts), ..Options::default() };
    Ok(Tree::from_str(svg, &options)?)
}
