#!/bin/bash
# Shows the main job on a real machine: the agent from its package on a booted Debian (or Ubuntu) without its security
# updates; a baseline and a window are published, the window opens by itself, and the run is watched live.
#
# The machine is a container of the lab (see ./lab --help) with a network of its own and no way out: it gets the
# distribution's signed indexes and packages copied in. It is thrown away at the end, also when this is interrupted.
set -euo pipefail
cd "$(dirname "$0")"

bold() { printf '\n\033[1m%s\033[0m\n' "$*"; }
say() { printf '%s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

say "This demo needs Debian or Ubuntu, Rust (cargo), and root (or sudo) to boot a container."
say "It installs mmdebstrap, systemd-container, dpkg-dev and binutils if they are missing, and takes packages from this"
say "host's own apt sources."
[ -x /usr/bin/apt-get ] || die "this host has no apt-get"
command -v cargo >/dev/null || die "cargo is not installed: install Rust first"
root_do() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "run this as root, or install sudo"

missing=()
for package in mmdebstrap systemd-container iproute2 util-linux dpkg-dev binutils; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ] || [ -z "$(apt-get indextargets --format x 'Created-By: Packages')" ]; then
    root_do apt-get update -qq
fi
if [ ${#missing[@]} -gt 0 ]; then
    root_do env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

bold "Building Patchflock"
./lab help >/dev/null
started=$SECONDS

name=demo-$$
cleanup() {
    trap '' INT TERM HUP
    ./lab down "$name" >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

bold "Booting a machine without its security updates, and installing the package"
./lab up debian "$name"
./lab mirror "$name"
# What a person types there; 3 is "not compliant": an answer, not a failure.
on() { ./lab run "$name" "$@"; }
show() {
    printf '\n\033[36m# %s\033[0m\n' "$*"
    on "$@" || [ $? -eq 3 ] || die "$* failed"
}

bold "1. What the agent says of this machine"
show patchflock scan
show patchflock status

bold "2. A baseline of our own and a window that opens in a minute"
os=$(on sh -c '. /etc/os-release; printf %s "$ID"' | tr '[:lower:]' '[:upper:]')
opens=$(on date -u -d '+60 seconds' +%FT%T)
on sh -c 'cat > /root/policy.yaml' <<YAML
kind: PatchBaseline
name: demo
spec:
  operating_system: $os
  description: Security updates at once, but never tzdata
  approval_rules:
    - filters: {PRIORITY: ["*"]}
      approve_after_days: 0
      compliance_level: HIGH
  rejected_patches: [tzdata]
---
kind: DefaultBaselines
name: defaults
spec:
  baselines: [demo]
---
kind: MaintenanceWindow
name: demo
spec:
  schedule: at($opens)
  duration: 1h
  cutoff: 15m
  tasks:
    - type: INSTALL
      targets: [{key: InstanceIds, values: ["*"]}]
      max_concurrency: 1
      max_errors: 0
YAML
on cat /root/policy.yaml
show patchflock apply -f /root/policy.yaml
show patchflock explain tzdata
show patchflock status

versions() { on dpkg-query -W -f '${Package} ${Version}\n' | sort; }
before=$(versions)
auto=$(on apt-mark showauto | sort)

bold "3. The window opens by itself at $opens UTC, and this is its run, live"
run=
# The window is a minute away; two minutes more is patience for a slow machine.
for _ in $(seq 180); do
    run=$({ on patchflock status -o json || [ $? -eq 3 ]; } | sed -n 's/.*"id": "\(w-[0-9a-f]*\)".*/\1/p' | head -1)
    [ -z "$run" ] || break
    read -rt 1 <> <(:) || true
done
[ -n "$run" ] || die "the window did not open"
show patchflock runs watch "$run"
# Where the new libraries ask for it, the run reboots the machine and goes on after the boot.
for _ in $(seq 180); do
    status=$(on patchflock status -o json 2>/dev/null) || [ $? -eq 3 ] || status=
    case $status in *'"active": null'*"$run"*) break ;; esac
    read -rt 1 <> <(:) || true
done
show patchflock runs show "$run"

bold "4. Did anything else change? (dpkg's own word)"
changed=$(comm -13 <(printf '%s\n' "$before") <(versions))
planned=$(on patchflock runs show "$run" -o json |
    awk -F'"' '/"survey":/ {in_survey=1} in_survey && /^ *"name":/ {n=$4} in_survey && /^ *"to":/ {print n, $4} /"held":/ {exit}' | sort)
[ "$changed" = "$planned" ] || die "the machine changed otherwise than planned: $(diff <(printf '%s\n' "$changed") <(printf '%s\n' "$planned"))"
say "dpkg: exactly the $(printf '%s\n' "$changed" | wc -l) packages of the plan changed, to exactly its versions."
[ "$auto" = "$(on apt-mark showauto | sort)" ] && say "The set of automatically installed packages is unchanged."

bold "5. And now?"
show patchflock compliance
show patchflock runs

bold "Done in $((SECONDS - started)) s after the build. The machine is thrown away now; this host is as it was."
