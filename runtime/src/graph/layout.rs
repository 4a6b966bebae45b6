//! Where boxes go: in layers from left to right, so that each stands right of what it waits for, with few lines crossing.
//!
//! The order within layers is that of the crate `rust-sugiyama`, [`align`] says how far down things go. Long lines have a joint in each
//! layer that they pass, so that they go around boxes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rust_sugiyama::configure::Config;
use rust_sugiyama::from_vertices_and_edges;

use super::align::{Neighbour, align, neighbours};

/// Between layers, and between what has nothing to do with each other.
const LAYER_GAP: f64 = 72.0;
const PART_GAP: f64 = 36.0;
/// With more boxes and joints than these lines are straight, and boxes stand in the order in which they are given.
const MOST: usize = 3000;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A box that is to be placed, with what stands before it at its left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outline {
    pub(super) size: Size,
    pub(super) lead: f64,
}

/// Where a box is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    /// The upper left corner, without what stands before it.
    pub(super) corner: Point,
    /// Where its layer begins and ends: between layers there is nothing but lines.
    pub(super) layer: (f64, f64),
}

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) boxes: Vec<Placed>,
    /// The points of each line between its ends, from left to right.
    pub(super) bends: Vec<Vec<Point>>,
}

/// A box, or the joint of a line, in its layer.
pub(super) struct Vertex {
    layer: usize,
    outline: Outline,
    pub(super) is_joint: bool,
    /// How far down its middle is, and how far right the box.
    pub(super) middle: f64,
    left: f64,
    /// Where its layer begins and ends.
    bounds: (f64, f64),
}

impl Vertex {
    fn new(layer: usize, outline: Outline, is_joint: bool) -> Self {
        Self { layer, outline, is_joint, middle: 0.0, left: 0.0, bounds: (0.0, 0.0) }
    }

    pub(super) fn height(&self) -> f64 {
        self.outline.size.height
    }
}

/// Lays out boxes of these sizes with lines between them. One that leads backwards has no bends.
pub(super) fn layout(outlines: &[Outline], lines: &[(usize, usize)]) -> Layout {
    let layers = layers(outlines.len(), lines);
    let mut vertices: Vec<Vertex> =
        layers.iter().zip(outlines).map(|(&layer, &outline)| Vertex::new(layer, outline, false)).collect();
    let joints: usize = lines.iter().map(|&(from, to)| layers[to].saturating_sub(layers[from] + 1)).sum();
    let is_ordered = outlines.len() + joints <= MOST;

    // Each from one layer to the next, where the order is asked for.
    let mut steps: Vec<(usize, usize)> = Vec::new();
    let mut chains: Vec<Vec<usize>> = Vec::with_capacity(lines.len());
    for &(from, to) in lines {
        let mut chain = Vec::new();
        if is_ordered && layers[from] < layers[to] {
            for layer in layers[from] + 1..layers[to] {
                chain.push(vertices.len());
                vertices.push(Vertex::new(layer, Outline::default(), true));
            }
            let passed: Vec<usize> = [from].into_iter().chain(chain.iter().copied()).chain([to]).collect();
            steps.extend(passed.windows(2).map(|step| (step[0], step[1])));
        } else {
            steps.push((from, to));
        }
        chains.push(chain);
    }

    let parts = parts(vertices.len(), &steps);
    let orders = if is_ordered { order(&vertices, &steps) } else { HashMap::new() };
    let neighbours = neighbours(&vertices, &steps);
    let sizes_of_parts: Vec<Size> =
        parts.iter().map(|part| place(&mut vertices, part, &orders, &neighbours)).collect();
    for (part, corner) in parts.iter().zip(shelves(&sizes_of_parts)) {
        for &n in part {
            let vertex = &mut vertices[n];
            vertex.left += corner.x;
            vertex.middle += corner.y;
            vertex.bounds = (vertex.bounds.0 + corner.x, vertex.bounds.1 + corner.x);
        }
    }
    let across = |&n: &usize| {
        let Vertex { middle: y, bounds: (left, right), .. } = vertices[n];
        [Point { x: left, y }, Point { x: right, y }]
    };
    let placed = |vertex: &Vertex| Placed {
        corner: Point { x: vertex.left, y: vertex.middle - vertex.height() / 2.0 },
        layer: vertex.bounds,
    };
    Layout {
        bends: chains.iter().map(|chain| chain.iter().flat_map(across).collect()).collect(),
        boxes: vertices[..outlines.len()].iter().map(placed).collect(),
    }
}

/// The layer of each box: right of all that lead to it, and as near as can be to what it leads to if nothing does. What is in a
/// circle, which no flow run makes, stands where it is met.
fn layers(count: usize, lines: &[(usize, usize)]) -> Vec<usize> {
    let mut next = vec![Vec::new(); count];
    let mut before = vec![0; count];
    for &(from, to) in lines {
        next[from].push(to);
        before[to] += 1;
    }
    let is_source: Vec<bool> = before.iter().map(|&before| before == 0).collect();
    let mut open: Vec<usize> = (0..count).filter(|&n| is_source[n]).collect();
    let mut layers = vec![0_usize; count];
    while let Some(n) = open.pop() {
        for &to in &next[n] {
            layers[to] = layers[to].max(layers[n] + 1);
            before[to] -= 1;
            if before[to] == 0 {
                open.push(to);
            }
        }
    }
    for n in (0..count).filter(|&n| is_source[n]) {
        layers[n] = next[n].iter().map(|&to| layers[to]).min().map_or(0, |nearest| nearest.saturating_sub(1));
    }
    layers
}

/// What hangs together, in the order of the first of each; those that stand alone come last.
fn parts(count: usize, steps: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut roots: Vec<usize> = (0..count).collect();
    let root_of = |roots: &mut [usize], mut n: usize| {
        while roots[n] != n {
            roots[n] = roots[roots[n]];
            n = roots[n];
        }
        n
    };
    for &(from, to) in steps {
        let (one, other) = (root_of(&mut roots, from), root_of(&mut roots, to));
        roots[one.max(other)] = one.min(other);
    }
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for n in 0..count {
        parts.entry(root_of(&mut roots, n)).or_default().push(n);
    }
    let mut parts: Vec<_> = parts.into_values().collect();
    parts.sort_by_key(|part| part.len() == 1);
    parts
}

/// The places of vertices in their layers: the lower goes above the higher.
#[expect(clippy::cast_possible_truncation, reason = "there are few")]
fn order(vertices: &[Vertex], steps: &[(usize, usize)]) -> HashMap<usize, f64> {
    let forward = steps.iter().filter(|&&(from, to)| vertices[from].layer < vertices[to].layer);
    let mut known = HashSet::new();
    let edges: Vec<(u32, u32)> =
        forward.map(|&(from, to)| (from as u32, to as u32)).filter(|edge| known.insert(*edge)).collect();
    let joined: BTreeSet<u32> = edges.iter().flat_map(|&(from, to)| [from, to]).collect();
    let sized: Vec<_> = joined.into_iter().map(|n| (n, (1.0, 1.0))).collect();
    let ordered = from_vertices_and_edges(&sized, &edges, &Config::default());
    ordered.into_iter().flat_map(|(part, ..)| part).map(|(n, (x, _))| (n, x)).collect()
}

/// Places what hangs together, from the upper left corner on. Gives its size.
fn place(
    vertices: &mut [Vertex],
    part: &[usize],
    places: &HashMap<usize, f64>,
    neighbours: &[Vec<Neighbour>],
) -> Size {
    let mut layers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &n in part {
        layers.entry(vertices[n].layer).or_default().push(n);
    }
    let mut layers: Vec<Vec<usize>> = layers.into_values().collect();
    let mut left = 0.0;
    for layer in &mut layers {
        let place = |n: &usize| places.get(n).copied().unwrap_or_default();
        layer.sort_by(|one, other| place(one).total_cmp(&place(other)));
        let most =
            |part: fn(&Outline) -> f64| layer.iter().map(|&n| part(&vertices[n].outline)).fold(0.0, f64::max);
        let (lead, width) = (most(|outline| outline.lead), most(|outline| outline.size.width));
        for &n in &*layer {
            vertices[n].left = left + lead;
            vertices[n].bounds = (left, left + lead + width);
        }
        left += lead + width + LAYER_GAP;
    }
    align(vertices, &layers, neighbours);
    let edge = |n: usize, side: f64| vertices[n].middle + side * vertices[n].height() / 2.0;
    let top = part.iter().map(|&n| edge(n, -1.0)).fold(f64::INFINITY, f64::min);
    let bottom = part.iter().map(|&n| edge(n, 1.0)).fold(f64::NEG_INFINITY, f64::max);
    for &n in part {
        vertices[n].middle -= top;
    }
    Size { width: left - LAYER_GAP, height: bottom - top }
}

/// Puts parts beside each other, and below where they would become too broad; those of one layer's height below the others. Gives
/// their corners.
fn shelves(parts: &[Size]) -> Vec<Point> {
    let area: f64 = parts.iter().map(|part| (part.width + PART_GAP) * (part.height + PART_GAP)).sum();
    let broadest = parts.iter().map(|part| part.width).fold((2.0 * area).sqrt(), f64::max);
    let (mut next, mut lowest) = (Point::default(), 0.0_f64);
    let mut corners = Vec::with_capacity(parts.len());
    for part in parts {
        let is_lower = lowest - next.y > 3.0 * part.height;
        if next.x > 0.0 && (is_lower || next.x + part.width > broadest) {
            next = Point { x: 0.0, y: lowest + PART_GAP };
        }
        corners.push(next);
        lowest = lowest.max(next.y + part.height);
        next.x += part.width + PART_GAP;
    }
    corners
}
