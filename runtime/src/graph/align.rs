//! How far down boxes and joints go, given their order: near to what they are joined with, so that lines are short and long ones
//! straight, and never closer to each other than they may be.

use super::layout::Vertex;

/// Between two boxes, a box and a line, two lines.
const GAPS: [f64; 3] = [18.0, 14.0, 9.0];
/// So often each layer is moved, forwards and backwards in turn.
const SWEEPS: usize = 24;

/// A neighbour of a vertex, and how much it draws.
pub(super) type Neighbour = (usize, f64);

/// What each vertex is joined with by these steps.
pub(super) fn neighbours(vertices: &[Vertex], steps: &[(usize, usize)]) -> Vec<Vec<Neighbour>> {
    let mut neighbours = vec![Vec::new(); vertices.len()];
    for &(from, to) in steps {
        let joints = [from, to].into_iter().filter(|&n| vertices[n].is_joint).count();
        let weight = [1.0, 2.0, 8.0][joints];
        neighbours[from].push((to, weight));
        neighbours[to].push((from, weight));
    }
    neighbours
}

/// Aligns the vertices of these layers, each in its order from above.
pub(super) fn align(vertices: &mut [Vertex], layers: &[Vec<usize>], neighbours: &[Vec<Neighbour>]) {
    for layer in layers {
        move_layer(vertices, layer, |_, _| (0.0, 1.0));
    }
    for sweep in 0..SWEEPS {
        let backwards = sweep % 2 == 1;
        for n in 0..layers.len() {
            let layer = &layers[if backwards { layers.len() - 1 - n } else { n }];
            move_layer(vertices, layer, |vertices, n| {
                let weight: f64 = neighbours[n].iter().map(|(_, weight)| weight).sum();
                let drawn = neighbours[n].iter().map(|&(other, weight)| weight * vertices[other].middle);
                let wanted = if weight > 0.0 { drawn.sum::<f64>() / weight } else { vertices[n].middle };
                (wanted, weight.max(0.01))
            });
        }
    }
}

/// Vertices that stand as close as they may, and move as one.
struct Block {
    count: usize,
    /// Where it wants to be, and how much.
    wanted: f64,
    weight: f64,
}

/// Moves each vertex as near as can be to where `wanted` says, by how much: the least squares of the distances, the order and the gaps
/// being what they are. What stands too close is joined until nothing does (pool adjacent violators).
fn move_layer(vertices: &mut [Vertex], layer: &[usize], wanted: impl Fn(&[Vertex], usize) -> (f64, f64)) {
    // How far below the first one each is, if all stand as close as they may.
    let mut below = Vec::with_capacity(layer.len());
    let mut blocks: Vec<Block> = Vec::new();
    for (place, &n) in layer.iter().enumerate() {
        let offset = match place.checked_sub(1) {
            Some(before) => below[before] + distance(&vertices[layer[before]], &vertices[n]),
            None => 0.0,
        };
        below.push(offset);
        let (wanted, weight) = wanted(vertices, n);
        let mut block = Block { count: 1, wanted: wanted - offset, weight };
        while let Some(above) = blocks.pop_if(|above| above.wanted > block.wanted) {
            let weight = above.weight + block.weight;
            let wanted = (above.wanted * above.weight + block.wanted * block.weight) / weight;
            block = Block { count: above.count + block.count, wanted, weight };
        }
        blocks.push(block);
    }
    let wanted = blocks.iter().flat_map(|block| std::iter::repeat_n(block.wanted, block.count));
    for ((&n, offset), wanted) in layer.iter().zip(below).zip(wanted) {
        vertices[n].middle = wanted + offset;
    }
}

/// From middle to middle, at the least.
fn distance(one: &Vertex, other: &Vertex) -> f64 {
    let joints = usize::from(one.is_joint) + usize::from(other.is_joint);
    f64::midpoint(one.height(), other.height()) + GAPS[joints]
}
