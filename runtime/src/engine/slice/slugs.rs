//! What runs are called in snapshots: the same in each slice, whatever the timing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::context::Tree;
use crate::map::MapGroup;
use crate::run::{NO_INDEX, Run};
use crate::spec::Spec;

/// What stands before the slug of a run that the library itself has begun, as a choice between branches: it is in no snapshot.
const INTERNAL: char = '%';

/// Counts the runs and the maps that each body submits, by their tasks' names.
#[derive(Default)]
pub(super) struct Slugs {
    next: HashMap<(Arc<str>, String, bool), u32>,
    /// What maps are called: by where their flow run keeps its runs, their task, and their number among its maps there.
    maps: HashMap<(usize, usize, u32), Arc<str>>,
}

fn address<T: ?Sized>(of: &T) -> usize {
    std::ptr::from_ref(of).cast::<()>() as usize
}

/// Whether the library itself has begun it.
pub(super) fn is_internal(spec: &Spec) -> bool {
    spec.module.starts_with("millrun::")
}

/// Whether a run of that slug is in no snapshot.
pub(super) fn is_hidden(slug: &str) -> bool {
    slug.is_empty() || slug.rsplit('/').next().is_some_and(|last| last.starts_with(INTERNAL))
}

impl Slugs {
    /// The slug of a run that was submitted by the run with the slug `parent`, which is empty for the flow run itself. To be asked once,
    /// in the order in which they were submitted.
    pub(super) fn of(&mut self, run: &Run, parent: &Arc<str>) -> Arc<str> {
        let index = run.cell.lock().index;
        if index == NO_INDEX {
            return self.next(parent, run.spec, &run.task_name(), false);
        }
        let map = self.maps.get(&map_key(&run.scope.tree, run.spec, run.ordinal()));
        format!("{}[{index}]", map.map_or("", |slug| slug)).into()
    }

    /// Notes a map.
    pub(super) fn add_map(&mut self, map: &MapGroup, parent: &Arc<str>) {
        let slug = self.next(parent, map.spec, &map.task_name(), true);
        self.maps.insert(map_key(&map.scope.tree, map.spec, map.ordinal), slug);
    }

    fn next(&mut self, parent: &Arc<str>, spec: &Spec, name: &str, of_map: bool) -> Arc<str> {
        let mut slug = parent.to_string();
        if !parent.is_empty() {
            slug.push('/');
        }
        if is_internal(spec) {
            slug.push(INTERNAL);
        }
        for letter in name.chars() {
            match letter {
                '%' => slug.push_str("%25"),
                '/' => slug.push_str("%2F"),
                '[' => slug.push_str("%5B"),
                _ => slug.push(letter),
            }
        }
        let next = self.next.entry((parent.clone(), slug.clone(), of_map)).or_insert(0);
        let number = *next;
        *next += 1;
        if number > 0 || ends_in_number(name) {
            slug.push('-');
            slug.push_str(&number.to_string());
        }
        slug.into()
    }
}

/// Whether it could be taken for one with a number after it.
fn ends_in_number(name: &str) -> bool {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    digits > 0 && name[..name.len() - digits].ends_with('-')
}

fn map_key(tree: &Tree, spec: &'static Spec, ordinal: u32) -> (usize, usize, u32) {
    (address(tree), address(spec), ordinal)
}
