use super::Group;
pub(super) const GROUP: Group = Group { name: "compile", about: "what a task costs to compile", cases: &[], is_long: true };
