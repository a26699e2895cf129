//! The half of the agent that runs as root: it looks at the machine, keeps the documents and runs only plans that
//! follow from them (design 7b, "Two processes").
//!
//! It has no network, no async and no long life: systemd starts one process for each connection to its socket. What it
//! decides by lies in files that only root writes: the configuration, the adopted documents, the orders, the first-seen
//! ledger. So the agent, which will talk to a network, can ask for work but not say what the work is.
