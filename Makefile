# `verify` never writes, `fix` is the only target that rewrites files.
.PHONY: verify fix test fast deny packages lab-clean bench

verify:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	cargo test -p patchflock-tests --test tidy

fix:
	cargo fmt --all
	cargo clippy --workspace --all-targets --all-features --fix --allow-dirty --allow-staged

fast:
	./test.sh fast

test:
	./test.sh

# Needs `cargo install --locked cargo-deny`. The advisory database has to be fetched: `cargo deny check advisories`.
deny:
	cargo deny check licenses bans sources

# The .deb and the .rpm in target/packages; needs dpkg-dev, rpm and binutils.
packages:
	packaging/build.sh all

lab-clean:
	./lab clean

# Prints figures, judges none. All but the first need root: they run real apt and dnf in throw-away systems and machines.
# One or some of them: `make bench CASES="idle overhead"`.
bench:
	cargo bench -p patchflock-baselines --bench evaluate
	cargo build --release -p patchflock-cli -p patchflock-agent -p patchflock-priv -p patchflock-tests \
		--bin patchflock --bin patchflockd --bin patchflock-priv --bin bench
	$(if $(filter 0,$(shell id -u)),,sudo) env PATCHFLOCK_BIN=$(or $(CARGO_TARGET_DIR),target)/release/patchflock $(or $(CARGO_TARGET_DIR),target)/release/bench $(CASES)
