#!/usr/bin/env bash
# ./test.sh: installs what the tests need, runs everything, ends with one total line. See ./test.sh --help.
#
# Builds run as the person who calls; only the finished test programs of the lab run as root. What the lab makes on
# this host (mounts, namespaces, control groups) is undone at the end, also after Ctrl-C; what a kill -9 leaves goes
# at the next run or with `./lab clean`.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

usage() {
    cat << 'HELP'
Usage: ./test.sh [fast | lab | all]

  fast  formatting, lints, unit tests, command line, tidy: no root, no network beyond cargo's; under 10 minutes
  lab   real apt, dnf, systemd and reboots in throw-away systems: needs root or sudo, a Debian or Ubuntu host and
        its package mirror
  all   both (the default); under 40 minutes on 2 cores from a clean clone

Missing distribution packages are installed with apt-get and stay installed. The lab keeps its unpacked systems in
/var/cache/patchflock-lab ($PATCHFLOCK_LAB_CACHE); `./lab clean --all` removes them. With CI=true nothing is asked
and nothing is coloured.
HELP
}

case "${1:-all}" in
    fast | lab | all) tier=${1:-all} ;;
    -h | --help | help) usage; exit 0 ;;
    *) usage >&2; exit 1 ;;
esac

# Through sudo: go on as the caller, so that no file in the target directory belongs to root.
if [ "$(id -u)" = 0 ] && [ "${SUDO_USER:-root}" != root ]; then
    home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
    exec sudo -u "$SUDO_USER" -H --preserve-env=CI,CARGO_TARGET_DIR,PATCHFLOCK_LAB_CACHE,PATCHFLOCK_LAB_STATE \
        env "PATH=$home/.cargo/bin:$PATH" "$0" "$tier"
fi

log=$(mktemp -d)
mkdir "$log/tmp"
failed_steps=()
cannot_run=()
not_run=()
child=
keep_alive=
lab_bin=
as_root=()

say() { printf '\n== %s\n' "$*"; }

# step NAME COMMAND...: runs it, shows and keeps its output, remembers its failure. In the background and in a
# process group of its own, so that a signal reaches this script while it runs and can be passed on to all of it.
step() {
    local name=$1 show code
    shift
    say "$name"
    mkfifo "$log/pipe"
    tee "$log/$name.out" < "$log/pipe" &
    show=$!
    set -m
    "$@" > "$log/pipe" 2>&1 < /dev/null &
    child=$!
    set +m
    wait "$child"
    code=$?
    child=
    wait "$show"
    rm "$log/pipe"
    if [ "$code" != 0 ]; then
        failed_steps+=("$name")
    fi
    return "$code"
}

clean_up() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        # What runs under sudo belongs to root, and so must the signal.
        kill -TERM -- "-$child" 2> /dev/null || "${as_root[@]}" kill -TERM -- "-$child" 2> /dev/null
        wait "$child" 2> /dev/null
    fi
    if [ -n "$keep_alive" ]; then kill -TERM -- "-$keep_alive" 2> /dev/null; fi
    if [ -n "$lab_bin" ]; then
        "${as_root[@]}" "$lab_bin" clean || echo "test.sh: the lab left something; see above" >&2
    fi
    "${as_root[@]}" rm -rf "$log"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- what this run needs, said before anything long starts

root_how=none
if [ "$(id -u)" = 0 ]; then
    root_how=root
elif command -v sudo > /dev/null; then
    root_how=sudo
    as_root=(sudo)
    # In CI nobody types a password.
    if [ "${CI:-}" = true ]; then as_root=(sudo -n); fi
fi
if [ "${CI:-}" = true ]; then export CARGO_TERM_COLOR=never; fi

echo "test.sh: tier '$tier' on $(nproc) cores"
if ! command -v cargo > /dev/null; then
    echo "test.sh: cargo is missing; install Rust with rustup, which then follows rust-toolchain.toml" >&2
    exit 1
fi

lab_refusal=
if [ "$tier" != fast ]; then
    if ! command -v apt-get > /dev/null; then
        lab_refusal="this host has no apt-get: the lab is built from a Debian or Ubuntu mirror"
    elif [ "$root_how" = none ]; then
        lab_refusal="neither root nor sudo: the lab mounts file systems and makes namespaces"
    elif [ "$root_how" = sudo ]; then
        echo "test.sh: the lab needs root and uses sudo for it"
        if ! "${as_root[@]}" true; then lab_refusal="sudo refused: the lab mounts file systems and makes namespaces"; fi
        # A long build must not outlive the password.
        if [ "${CI:-}" != true ] && [ -z "$lab_refusal" ]; then
            set -m
            (while sleep 60; do sudo -n true; done) > /dev/null 2>&1 < /dev/null &
            keep_alive=$!
            set +m
        fi
    else
        echo "test.sh: the lab needs root, which this is"
    fi
fi

# gcc links; the rpm and dpkg tools are oracles for version comparison in the fast tier too. The lab builds our own
# packages, and lintian, rpmlint and shellcheck judge them.
wanted=(gcc libc6-dev git rpm)
if [ "$tier" != fast ] && [ -z "$lab_refusal" ]; then
    wanted+=(mmdebstrap systemd-container iproute2 util-linux gnupg createrepo-c binutils dpkg-dev lintian rpmlint shellcheck libfaketime)
fi
missing=()
if command -v dpkg-query > /dev/null; then
    for package in "${wanted[@]}"; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)
        [ "$state" = installed ] || missing+=("$package")
    done
fi
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$root_how" = none ]; then
        echo "test.sh: these packages are missing and there is no root to install them: ${missing[*]}" >&2
    else
        say "installing ${missing[*]}"
        "${as_root[@]}" apt-get update -q
        if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "${missing[@]}"; then
            failed_steps+=("installing ${missing[*]}")
        fi
    fi
fi

# --- the tiers

if [ "$tier" != lab ]; then
    step fmt cargo fmt --all --check
    step clippy cargo clippy --workspace --all-targets --all-features -- -D warnings
    if cargo deny --version > /dev/null 2>&1; then
        step deny cargo deny --all-features check licenses bans sources
    else
        # Building it takes longer than the whole tier.
        not_run+=("deny: licences and sources of crates; \`cargo install --locked cargo-deny\` makes it run")
    fi
    step fast-tests cargo test --workspace --no-fail-fast
fi

# Programs of the lab's tests, built without root.
lab_programs=()
if [ "$tier" != fast ]; then
    target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    build_lab() {
        cargo build -p patchflock-cli -p patchflock-agent -p patchflock-priv -p patchflock-tests \
            --bin patchflock --bin patchflockd --bin patchflock-priv --bin lab \
            && cargo test -p patchflock-tests --features lab --no-run --message-format=json > "$log/programs.json"
    }
    if step "building the lab" build_lab; then
        while read -r program; do lab_programs+=("$program"); done < <(
            sed -n 's/.*"name":"lab_[^"]*".*"executable":"\([^"]*\)".*/\1/p' "$log/programs.json"
        )
        if [ ${#lab_programs[@]} = 0 ]; then failed_steps+=("finding the lab's tests"); fi
    fi
    # Being root is not enough in some containers: try what the lab does, where it leaves no trace.
    if [ -z "$lab_refusal" ]; then
        # shellcheck disable=SC2016
        try='set -e; d=$(mktemp -d); trap "rmdir $d" EXIT
            mount -t tmpfs lab "$d"; mkdir "$d/l" "$d/u" "$d/w" "$d/m"
            mount -t overlay lab -o "lowerdir=$d/l,upperdir=$d/u,workdir=$d/w" "$d/m"
            umount "$d/m"; umount "$d"'
        if ! why=$("${as_root[@]}" unshare --mount --net sh -c "$try" 2>&1); then
            lab_refusal="root here may not mount overlays or make namespaces: $why"
        fi
    fi
    if [ -z "$lab_refusal" ] \
        && [ -z "$(apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages')" ]; then
        "${as_root[@]}" apt-get update -q || failed_steps+=("apt-get update")
    fi
fi

if [ -n "$lab_refusal" ]; then
    as_root=()
elif [ ${#lab_programs[@]} -gt 0 ]; then
    # From here on there is something to undo.
    lab_bin=$target/debug/lab
fi
for program in "${lab_programs[@]}"; do
    name=$(basename "$program" | sed 's/-[0-9a-f]*$//')
    if [ -n "$lab_refusal" ]; then
        while read -r test; do cannot_run+=("$name::$test"); done < <("$program" --list | sed -n 's/: test$//p')
        continue
    fi
    pass=(env "PATCHFLOCK_BIN=$target/debug/patchflock" "RUST_BACKTRACE=${RUST_BACKTRACE:-0}" "TMPDIR=$log/tmp")
    for setting in PATCHFLOCK_LAB_CACHE PATCHFLOCK_LAB_STATE http_proxy https_proxy; do
        if [ -n "${!setting:-}" ]; then pass+=("$setting=${!setting}"); fi
    done
    step "$name" "${as_root[@]}" "${pass[@]}" "$program" --test-threads=2
done

# --- the end

sum() {
    cat "$log"/*.out 2> /dev/null | sed -n "s/^test result: .* \([0-9]*\) $1;.*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}
passed=$(sum passed)
failed=$(sum failed)

if [ ${#cannot_run[@]} -gt 0 ]; then
    say "cannot run here, because $lab_refusal"
    printf '  %s\n' "${cannot_run[@]}"
fi
if [ ${#not_run[@]} -gt 0 ]; then
    say "not run"
    printf '  %s\n' "${not_run[@]}"
fi
if [ ${#failed_steps[@]} -gt 0 ]; then
    say "failed steps"
    printf '  %s\n' "${failed_steps[@]}"
fi
code=0
if [ "$failed" != 0 ] || [ ${#failed_steps[@]} -gt 0 ]; then code=1; fi
if [ "$passed" = 0 ]; then
    echo "test.sh: no test passed, so nothing is known" >&2
    code=1
fi
clean_up
trap - EXIT
printf '\n%s passed, %s failed\n' "$passed" "$failed"
exit "$code"
