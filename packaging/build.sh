#!/usr/bin/env bash
# Builds the .deb and the .rpm of Patchflock from one staged tree (see --help).
#
# dpkg-deb and rpmbuild make the packages themselves: they are in every distribution that we build on, know their own
# formats best, and no third party stands between the programs and people who run them as root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")

usage() {
    cat << 'HELP'
Usage: packaging/build.sh [OPTIONS] deb|rpm|all

  --profile dev|release  how the programs are built (release); dev packs quickly and larger
  --out DIR              where the packages go (target/packages); their paths are printed
  --bin DIR              take patchflock, patchflockd and patchflock-priv from there instead of building them
  --version VERSION      another version than that of Cargo.toml
  --settings FILE        ship this as /etc/patchflock/patchflock.toml, for the packages of one site

$PATCHFLOCK_MAINTAINER ("Name <mail>") is who answers for the packages. The same programs and $SOURCE_DATE_EPOCH (by
default that of the commit) give the same package. Needs dpkg-dev for a .deb, rpm for an .rpm, and binutils.
HELP
}

profile=release
out=
bin=
version=
settings=$here/etc/patchflock.toml
kind=
while [ $# -gt 0 ]; do
    case "$1" in
        --profile | --out | --bin | --version | --settings)
            if [ $# -lt 2 ]; then echo "build.sh: $1 needs a value; see --help" >&2; exit 1; fi
            declare "${1#--}=$2"
            shift 2
            ;;
        deb | rpm | all) kind=$1; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "build.sh: '$1' is not understood; see --help" >&2; exit 1 ;;
    esac
done
case "$profile" in
    dev) directory=debug ;;
    release) directory=release ;;
    *) echo "build.sh: there are the profiles dev and release, no '$profile'" >&2; exit 1 ;;
esac
if [ -z "$kind" ]; then usage >&2; exit 1; fi
if [ -z "$version" ]; then version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$top/Cargo.toml" | head -n 1); fi
# Both tools take these letters and no others without a meaning of their own.
if ! [[ $version =~ ^[0-9][0-9A-Za-z.~]*$ ]]; then
    echo "build.sh: '$version' is no version that both dpkg and rpm take" >&2
    exit 1
fi
if [ ! -f "$settings" ]; then echo "build.sh: there is no $settings" >&2; exit 1; fi
target=${CARGO_TARGET_DIR:-$top/target}
out=${out:-$target/packages}
if [ -z "$bin" ]; then
    (cd "$top" && cargo build --locked --profile "$profile" -p patchflock-cli -p patchflock-agent -p patchflock-priv) >&2
    bin=$target/$directory
fi
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct 2> /dev/null || stat -c %Y "$top/CHANGELOG.md")
fi
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
maintainer=${PATCHFLOCK_MAINTAINER:-The Patchflock contributors <patchflock@example.org>}
# One description, that of the spec file, for both.
summary="patch manager with baselines and maintenance windows"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
mkdir -p "$out"
out=$(cd "$out" && pwd)

# --- the tree that both packages share

tree=$work/tree
# put MODE FILE PLACE
put() { install -D -p -m "$1" "$2" "$tree$3"; }
# pack FILE PLACE: compressed, without name and time
pack() { mkdir -p "$(dirname "$tree$2")"; gzip -9n < "$1" > "$tree$2.gz"; }

program() {
    put 0755 "$bin/$1" "$2"
    # A stand-in of the tests may be a script.
    if [ "$(head -c 4 "$bin/$1" | tail -c 3)" = ELF ]; then strip --strip-unneeded -R .comment -R .note "$tree$2"; fi
}
program patchflock /usr/bin/patchflock
program patchflockd /usr/sbin/patchflockd
program patchflock-priv /usr/libexec/patchflock/patchflock-priv

for unit in patchflockd.service patchflock-priv.socket patchflock-priv@.service; do
    put 0644 "$here/systemd/$unit" "/usr/lib/systemd/system/$unit"
done
put 0644 "$here/systemd/patchflock.sysusers" /usr/lib/sysusers.d/patchflock.conf
put 0644 "$here/systemd/patchflock.tmpfiles" /usr/lib/tmpfiles.d/patchflock.conf
put 0644 "$settings" /etc/patchflock/patchflock.toml
mkdir -p "$tree/etc/patchflock/conf.d" "$tree"/etc/patchflock/hooks/{pre-install,post-install,pre-reboot,on-exit}.d

for page in "$here"/man/*.1 "$here"/pages/*.[58]; do
    pack "$page" "/usr/share/man/man${page##*.}/$(basename "$page")"
done
put 0644 "$here/completions/patchflock.bash" /usr/share/bash-completion/completions/patchflock
put 0644 "$here/completions/patchflock.fish" /usr/share/fish/vendor_completions.d/patchflock.fish

# Licences of the crates inside the programs: each text once, with those it belongs to.
third_party() {
    if [ "$profile" = dev ]; then
        echo "A development build: the notices of the crates inside are left out. Do not pass it on."
        return
    fi
    local -A directories=() belongs=() texts=()
    local manifest line crate directory file hash host
    host=$(rustc -vV | sed -n 's/^host: //p')
    while read -r manifest; do
        directory=$(dirname "$manifest")
        directories[$(basename "$directory")]=$directory
    done < <(cargo metadata --format-version 1 --locked --filter-platform "$host" \
        --manifest-path "$top/Cargo.toml" | grep -o '"manifest_path":"[^"]*"' | cut -d'"' -f4)
    echo "The programs of Patchflock contain these crates:"
    echo
    while IFS='|' read -r crate line; do
        echo "  $crate: $line"
        directory=${directories[${crate/ v/-}]:-}
        [ -n "$directory" ] || continue
        for file in "$directory"/{LICEN[CS]E,COPYING,NOTICE,UNLICENSE,COPYRIGHT}*; do
            [ -f "$file" ] || continue
            hash=$(sha256sum < "$file")
            texts[$hash]=$file
            belongs[$hash]+="${belongs[$hash]:+, }$crate"
        done
    done < <(cargo tree --locked --manifest-path "$top/Cargo.toml" -p patchflock-cli -p patchflock-agent \
        -p patchflock-priv -e normal --prefix none --no-dedupe --format '{p}|{l}' \
        | sed '/^$/d; / (\//d; s/ (proc-macro)//' | sort -u)
    for hash in $(printf '%s\n' "${!texts[@]}" | cut -d' ' -f1 | sort); do
        file=${texts["$hash  -"]}
        printf '\n%.0s' 1 2
        printf '=%.0s' {1..78}
        printf '\n%s\n\n' "${belongs["$hash  -"]}" | fold -s -w 78
        cat "$file"
    done
}
third_party > "$work/THIRD-PARTY"
find "$tree" -type d -exec chmod 0755 {} +

# --- .deb

deb() {
    local root=$work/deb doc=/usr/share/doc/patchflock architecture depends
    architecture=$(dpkg --print-architecture)
    cp -a "$tree" "$root"
    tree=$root
    put 0644 "$here/completions/_patchflock" /usr/share/zsh/vendor-completions/_patchflock
    put 0644 "$here/deb/lintian-overrides" /usr/share/lintian/overrides/patchflock
    pack "$work/THIRD-PARTY" "$doc/THIRD-PARTY"
    {
        # The name of the format is an address by its own rules; the tree names no registry, so it is put together here.
        printf 'Format: https://www.%s.org/doc/packaging-manuals/copyright-format/1.0/\n' debian
        sed -n '/^Upstream-Name/,$p' "$here/deb/copyright"
        sed -n '/^Permission/,$ { s/^$/./; s/^/ /; p }' "$top/LICENSE-MIT"
    } > "$work/copyright"
    put 0644 "$work/copyright" "$doc/copyright"
    {
        printf 'patchflock (%s) unstable; urgency=medium\n\n' "$version"
        printf '  * What changed for users is in CHANGELOG.md.gz beside this file.\n\n'
        printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
    } > "$work/changelog"
    pack "$work/changelog" "$doc/changelog"
    pack "$top/CHANGELOG.md" "$doc/CHANGELOG.md"

    # The libraries that the programs need, in the versions whose symbols they use; none if all are scripts.
    mkdir -p "$work/shlibs/debian"
    printf 'Source: patchflock\n\nPackage: patchflock\nArchitecture: any\n' > "$work/shlibs/debian/control"
    local -a programs=()
    for file in "$root/usr/bin/patchflock" "$root/usr/sbin/patchflockd" "$root/usr/libexec/patchflock/patchflock-priv"; do
        if [ "$(head -c 4 "$file" | tail -c 3)" = ELF ]; then programs+=("-e$file"); fi
    done
    depends=
    if [ ${#programs[@]} -gt 0 ]; then
        depends=$(cd "$work/shlibs" && dpkg-shlibdeps -O "${programs[@]}" 2> /dev/null | sed 's/^shlibs:Depends=//')", "
    fi
    mkdir "$root/DEBIAN"
    for script in postinst prerm postrm; do install -m 0755 "$here/deb/$script" "$root/DEBIAN/$script"; done
    echo /etc/patchflock/patchflock.toml > "$root/DEBIAN/conffiles"
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
    cat > "$root/DEBIAN/control" << CONTROL
Package: patchflock
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
Depends: ${depends}apt, init-system-helpers (>= 1.54), systemd (>= 247)
Section: admin
Priority: optional
Description: $summary
$(sed -n '/^%description$/,/^%prep$/ { //d; s/^$/./; s/^/ /; p }' "$here/rpm/patchflock.spec" | sed '$d')
CONTROL
    local -a how=(-Zxz)
    if [ "$profile" = dev ]; then how=(-Zgzip -z1); fi
    local file=$out/patchflock_${version}_$architecture.deb
    dpkg-deb --root-owner-group "${how[@]}" --build "$root" "$file" > /dev/null
    echo "$file"
}

# --- .rpm

rpm() {
    # xz: the older releases of the family do not read zstd.
    local root=$work/rpm payload=w7.xzdio
    cp -a "$tree" "$root"
    tree=$root
    put 0644 "$here/completions/_patchflock" /usr/share/zsh/site-functions/_patchflock
    put 0644 "$here/systemd/patchflock.preset" /usr/lib/systemd/system-preset/50-patchflock.preset
    put 0644 "$top/LICENSE-MIT" /usr/share/licenses/patchflock/LICENSE-MIT
    put 0644 "$top/LICENSE-APACHE" /usr/share/licenses/patchflock/LICENSE-APACHE
    pack "$work/THIRD-PARTY" /usr/share/licenses/patchflock/THIRD-PARTY
    put 0644 "$top/CHANGELOG.md" /usr/share/doc/patchflock/CHANGELOG.md
    if [ "$profile" = dev ]; then payload=w1.gzdio; fi
    {
        cat "$here/rpm/patchflock.spec"
        printf '\n%%changelog\n* %s %s - %s-1\n- See CHANGELOG.md\n' \
            "$(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" "$maintainer" "$version"
    } > "$work/patchflock.spec"
    # Beside the macros of the distribution nothing of the caller counts. What a Debian rpm lacks is said here.
    rpmbuild -bb --quiet --define "_topdir $work/rpmbuild" --define "_rpmdir $work/rpms" --define "_dbpath $work/rpmdb" \
        --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
        --define "_binary_payload $payload" --define "_build_id_links none" --define "debug_package %{nil}" \
        --define "__os_install_post %{nil}" --define "use_source_date_epoch_as_buildtime 1" \
        --define "clamp_mtime_to_source_date_epoch 1" --define "_buildhost localhost" \
        --define "pf_version $version" --define "pf_summary ${summary^}" --define "pf_tree $root" \
        "$work/patchflock.spec" >&2
    local built
    for built in "$work"/rpms/*.rpm; do
        cp "$built" "$out/"
        echo "$out/$(basename "$built")"
    done
}

if [ "$kind" != rpm ]; then (deb); fi
if [ "$kind" != deb ]; then (rpm); fi
