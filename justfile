# `just check` before each commit. CI runs `.ci/run`: the same and the examples.

# format, lints, tests, documentation, dependencies
check: fmt clippy test doc deny

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --package millrun -- -D warnings

test:
    cargo test --workspace

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --package millrun --no-deps
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# needs `cargo install cargo-deny`
deny:
    cargo deny check

# speed beside the limits and the peers: benchmarks/README.md
bench *arguments:
    cargo run --release --manifest-path benchmarks/Cargo.toml -- {{arguments}}

# what has changed beyond noise from one file of `just bench` to another
bench-compare before after: (bench "compare" before after)

# what a task costs to compile: takes long; `just bench compile/200` is the short form
bench-compile: (bench "compile --json benchmarks/results/compile.json")

# instructions and allocations of a run beside the baseline; `just counts --accept "why"` writes it anew
counts *arguments:
    cargo run --locked --release --manifest-path benchmarks/Cargo.toml --package millrun-counts -- {{arguments}}

# programs that must not compile; `just ui overwrite` takes the compiler's new words for granted
ui mode="wip":
    TRYBUILD={{mode}} cargo test --package millrun-ui-tests

# the run cell under every interleaving
loom:
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release --package millrun --lib loom
