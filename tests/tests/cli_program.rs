//! The real program from outside: what it prints, where it prints it, and how it ends. No root, no network.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

#[path = "cli_program/agent.rs"]
mod agent;
#[path = "cli_program/answers.rs"]
mod answers;
#[path = "cli_program/asking.rs"]
mod asking;
#[path = "cli_program/bad_input.rs"]
mod bad_input;
#[path = "cli_program/bench.rs"]
mod bench;
#[path = "cli_program/documented.rs"]
mod documented;
#[path = "cli_program/known.rs"]
mod known;
#[path = "cli_program/node.rs"]
mod node;
#[path = "cli_program/overrides.rs"]
mod overrides;
#[path = "cli_program/packaged.rs"]
mod packaged;
#[path = "cli_program/terminal.rs"]
mod terminal;
