#!/bin/bash
# Shows the main job on a real Debian (or Ubuntu) system without its security updates: scan, decisions with
# reasons, installation of exactly the approved updates, compliance before and after.
#
# Everything happens in a temporary directory inside a mount and process namespace of its own, so the host stays
# as it was, also when this is interrupted: when the namespace ends, the kernel takes its mounts away.
set -euo pipefail
cd "$(dirname "$0")"

bold() { printf '\n\033[1m%s\033[0m\n' "$*"; }
say() { printf '%s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# ---- inside the namespace: the machine -------------------------------------------------------------------------
inside() {
    local root=$1 binary=$2
    # The new root gets a /proc of this process namespace and the few devices that package scripts use.
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    install -m 755 "$binary" "$root/usr/bin/patchflock"
    # Package scripts must not start services on a machine that is not booted.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    on() { chroot "$root" "$@"; }
    show() {
        printf '\n\033[36m# %s\033[0m\n' "$*"
        # 3 is "not compliant": an answer, not a failure.
        on "$@" || [ $? -eq 3 ]
    }

    bold "1. What is missing here, what is approved today, and why? (read-only, not as root)"
    printf '\033[36m$ %s\033[0m\n' "patchflock try"
    on setpriv --reuid=nobody --regid=nogroup --clear-groups patchflock try || [ $? -eq 3 ]

    bold "2. A baseline of our own: the same, but one package is not to be upgraded"
    # "item" lines of a plan in JSON: name and new version.
    planned() {
        { on patchflock once "$@" --dry-run -o json 2>"$root/tmp/talk" || [ $? -eq 3 ] || die "$(cat "$root/tmp/talk")"; } |
            awk -F'"' '/^ *"name":/ {n=$4} /^ *"to":/ {print n, $4}' | sort
    }
    local rejected
    rejected=$(planned | awk '{print $1}' | grep -x -m1 -e tzdata -e openssl -e libpcre2-8-0 -e liblzma5 || planned | awk 'NR == 1 {print $1}')
    cat >"$root/root/baseline.yaml" <<YAML
kind: PatchBaseline
name: demo
spec:
  operating_system: $(. "$root/etc/os-release" && printf %s "$ID" | tr '[:lower:]' '[:upper:]')
  description: Security updates at once, but not ${rejected:-tzdata}
  approval_rules:
    - filters: {PRIORITY: ["*"]}
      approve_after_days: 0
      compliance_level: HIGH
  rejected_patches: [${rejected:-tzdata}]
YAML
    cat "$root/root/baseline.yaml"
    show patchflock validate -f /root/baseline.yaml
    show patchflock once -f /root/baseline.yaml --dry-run

    bold "3. Patch it: exactly that, nothing else"
    versions() { on dpkg-query -W -f '${Package} ${Version}\n' | sort; }
    versions >"$root/tmp/before"
    on apt-mark showauto | sort >"$root/tmp/auto"
    planned -f /root/baseline.yaml >"$root/tmp/plan"
    show patchflock once -f /root/baseline.yaml --yes

    bold "4. Did anything else change? (dpkg's own word)"
    if versions | comm -13 "$root/tmp/before" - | diff "$root/tmp/plan" -; then
        say "dpkg: exactly the $(wc -l <"$root/tmp/plan") packages of the plan changed, to exactly its versions."
    else
        die "the machine changed otherwise than planned"
    fi
    on apt-mark showauto | sort | diff "$root/tmp/auto" - && say "The set of automatically installed packages is unchanged."

    bold "5. And now?"
    show patchflock try -f /root/baseline.yaml
}

if [ "${1-}" = --inside ]; then
    mount --make-rprivate /
    inside "$2" "$3"
    exit
fi

# ---- outside: what is needed, the build, the system ------------------------------------------------------------
say "This demo needs Debian or Ubuntu, Rust (cargo), and root (or sudo) to make a system in a temporary directory."
say "It installs the package mmdebstrap if it is missing, and takes packages from this host's own apt sources."
[ -x /usr/bin/apt-get ] || die "this host has no apt-get"
command -v cargo >/dev/null || die "cargo is not installed: install Rust first"
root_do() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "run this as root, or install sudo"

bold "Building patchflock"
cargo build --release --locked -p patchflock-cli
binary=${CARGO_TARGET_DIR:-target}/release/patchflock

started=$SECONDS
bold "Making a system without its security updates"
if ! command -v mmdebstrap >/dev/null; then
    root_do apt-get update -qq
    root_do env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mmdebstrap >/dev/null
fi
codename=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
# The host's own sources say where packages come from; only the distribution's are of use.
sources() {
    apt-get indextargets --format '$(LABEL)|$(CODENAME)|$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' |
        grep -E '^(Debian|Ubuntu|Debian-Security)\|' | sort -u
}
[ -n "$(sources)" ] || root_do apt-get update -qq
plain=$(sources | awk -F'|' -v c="$codename" '$4 == c { print $3; exit }')
[ -n "$plain" ] || die "no apt source of this host offers $codename itself; see apt-get indextargets"
later=$(sources | awk -F'|' -v c="$codename" '$4 == c "-security" || $4 == c "-updates" { print "deb " $3 " " $4 " main" }')
[ -n "$later" ] || die "no apt source of this host offers $codename-security; see apt-get indextargets"

work=$(mktemp -d)
child=
cleanup() {
    trap '' INT TERM HUP
    # What still works in there is ended first; with its namespace go its mounts and processes.
    if [ -n "$child" ]; then
        root_do kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    # A process that is just dying may still have written something.
    local try
    for try in 1 2 3 4 5; do
        root_do rm -rf --one-file-system "$work" 2>/dev/null && return
        read -rt 1 <> <(:) || true
    done
    say "demo: could not remove $work" >&2
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

root_do unshare --mount --pid --fork --kill-child mmdebstrap --quiet --variant=apt "$codename" "$work/system" "deb $plain $codename main" &
child=$!
while kill -0 "$child" 2>/dev/null; do printf '.'; read -rt 1 <> <(:) || true; done
wait "$child" || die "mmdebstrap failed"
child=
printf '\n'
printf '%s\n' "$later" | root_do tee -a "$work/system/etc/apt/sources.list" >/dev/null
root_do cp /etc/resolv.conf "$work/system/etc/resolv.conf"
root_do chroot "$work/system" apt-get update -qq
root_do unshare --mount --pid --fork --kill-child "$0" --inside "$work/system" "$(realpath "$binary")" &
child=$!
wait "$child" || die "the demo stopped early; see above"
child=

bold "Done in $((SECONDS - started)) s after the build. The system is thrown away now; this host is as it was."
