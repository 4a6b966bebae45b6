//! Readable names for flow runs: an adjective and an animal, by the id.

const ADJECTIVES: [&str; 32] = [
    "able", "amber", "bold", "brisk", "calm", "clever", "copper", "crisp", "daring", "eager", "fleet",
    "gentle", "golden", "happy", "humble", "jolly", "keen", "lively", "lucky", "mellow", "nimble", "noble",
    "patient", "proud", "quick", "quiet", "silver", "steady", "sunny", "swift", "tidy", "witty",
];

const ANIMALS: [&str; 32] = [
    "badger", "beaver", "bison", "bunting", "crane", "curlew", "dolphin", "egret", "falcon", "ferret",
    "finch", "gecko", "heron", "ibex", "jackdaw", "kestrel", "lemur", "lynx", "marten", "newt", "ocelot",
    "osprey", "otter", "plover", "puffin", "quail", "raven", "seal", "stoat", "swallow", "tapir", "wren",
];

/// The name that goes with an id.
pub(crate) fn readable(id: u128) -> String {
    // The low bits of an id of version 7 are random.
    let (one, other) = ((id & 31) as usize, ((id >> 5) & 31) as usize);
    let number = (id >> 10) % 1000;
    format!("{}-{}-{number}", ADJECTIVES[one], ANIMALS[other])
}
