//! What is in a picture.

use std::fmt::Debug;

/// The boxes, texts and sizes of a picture.
pub struct Picture {
    pub size: (f64, f64),
    pub boxes: Vec<Rect>,
    pub texts: Vec<String>,
    /// Where each text stands, and how wide it is at the most.
    places: Vec<(f64, f64, f64)>,
}

#[derive(Clone, Debug)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub fill: String,
    /// It stands for a run or a map: such boxes say more to those who point at them, or are those of maps.
    is_node: bool,
}

fn attribute<'e>(element: &'e str, name: &str) -> &'e str {
    let (_, rest) =
        element.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name} in {element}"));
    rest.split_once('"').unwrap().0
}

fn number(element: &str, name: &str) -> f64 {
    attribute(element, name).parse().unwrap()
}

impl Picture {
    pub fn of(svg: &str) -> Self {
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        let size = (number(svg, "width"), number(svg, "height"));
        let elements = |tag: &str| {
            svg.lines()
                .filter(|line| line.starts_with(&format!("<{tag} ")))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let boxes = elements("rect").into_iter().map(|rect| Rect {
            x: number(&rect, "x"),
            y: number(&rect, "y"),
            width: number(&rect, "width"),
            height: number(&rect, "height"),
            fill: attribute(&rect, "fill").to_owned(),
            is_node: rect.contains("<title>") || number(&rect, "height") > 24.0,
        });
        let texts = elements("text");
        let content = |text: &String| {
            let inner = text.split_once('>').unwrap().1.strip_suffix("</text>").unwrap();
            let plain = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            plain.replace("&amp;", "&")
        };
        let place = |text: &String| {
            let columns: usize = content(text).chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum();
            // The letters of the fonts that are asked for take 0.61 of their size at the most.
            let width = columns as f64 * 0.61 * number(text, "font-size");
            (number(text, "x"), number(text, "y"), width)
        };
        Self {
            size,
            boxes: boxes.collect(),
            places: texts.iter().map(place).collect(),
            texts: texts.iter().map(content).collect(),
        }
    }

    pub fn has(&self, text: &str) -> bool {
        self.texts.iter().any(|known| known == text)
    }
}

/// Checks that nothing covers anything that it should not, and that nothing is cut.
pub fn check(svg: &str, nodes: usize) {
    let picture = Picture::of(svg);
    let boxes: Vec<_> = picture.boxes.iter().filter(|rect| rect.is_node).collect();
    assert!(boxes.len() >= nodes, "{} boxes for {nodes} nodes", boxes.len());
    for (n, one) in boxes.iter().enumerate() {
        for other in &boxes[..n] {
            let apart = |from: f64, length: f64, other: f64, others: f64| {
                from >= other + others || other >= from + length
            };
            // The second box of a map stands a little behind the first.
            let is_shadow = (one.x - other.x).abs() < 5.0 && (one.y - other.y).abs() < 5.0;
            assert!(
                is_shadow
                    || apart(one.x, one.width, other.x, other.width)
                    || apart(one.y, one.height, other.y, other.height),
                "{one:?} covers {other:?}"
            );
        }
    }
    let (width, height) = picture.size;
    for (text, &(x, y, length)) in picture.texts.iter().zip(&picture.places) {
        assert!(x >= -24.0 && x + length <= width - 24.0 && y <= height - 24.0, "{text} is cut by the edge");
        let inside =
            |rect: &&Rect| x >= rect.x && x < rect.x + rect.width && y > rect.y && y < rect.y + rect.height;
        if let Some(rect) = picture.boxes.iter().find(inside) {
            assert!(x + length <= rect.x + rect.width, "{text} is cut by its box");
        }
    }
}
