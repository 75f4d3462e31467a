#!/usr/bin/env bash
#
# Gets a Bitcoin node for tests and the devnet on a Debian machine that has none, and prints the path of bitcoind on
# stdout.  Needs no root and changes nothing on the system.  It is Debian's own bitcoin-knots package of a newer suite
# (Bitcoin Core's RPC, wallet and regtest), unpacked with the libraries it needs into a directory of the user and
# started through the loader found there.  For real bitcoins, operators run Bitcoin Core v24 or later.
#
#   install-bitcoind.sh [CACHE]     default CACHE: ${XDG_CACHE_HOME:-~/.cache}/mpc-operator/bitcoind
#
# Environment:
#   BITCOIND_SUITES    Debian suites to try, in order    ("forky sid")
#   BITCOIND_REFRESH   1: look for newer packages although there is a working node
#
# Safe to run again, to interrupt and to run twice at once: a lock serialises runs, every package is checked against the
# SHA-256 of the package lists that Debian signed, and a node is put in place in one rename, after it answered -version.

set -euo pipefail
umask 022

suites=${BITCOIND_SUITES:-forky sid}
package=bitcoin-knots
programs="bitcoind bitcoin-cli"

say() { printf 'install-bitcoind: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

if [[ -n ${1:-} ]]; then
  cache=$1
else
  cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/mpc-operator/bitcoind
fi
for program in apt-get apt-cache dpkg-deb flock sha256sum; do
  command -v "$program" >/dev/null ||
    die "$program is missing: install Bitcoin Core by hand and set BITCOIND to the path of bitcoind"
done
mkdir -p "$cache"
cache=$(realpath "$cache")
node=$cache/node

exec 9>"$cache/lock"
flock 9

if [[ -z ${BITCOIND_REFRESH:-} ]] && "$node/bin/bitcoind" -version >/dev/null 2>&1; then
  echo "$node/bin/bitcoind"
  exit 0
fi
# What an interrupted run left behind; nobody else works here while the lock is held.
rm -rf "$cache"/staging.* "$cache"/old.*

# --- Download -------------------------------------------------------------------------------------------------------

# Where the machine's own apt configuration gets its own release from; proxies and the like are inherited as well.
# --no-release-info: works also before the first apt-get update.
own_mirror() {
  apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$1" '$1 == release { print $2; exit }'
}

# An apt tool on a private state: our sources, lists and cache, and an empty dpkg status, so that everything counts as
# missing and is downloaded.
apt_private() {
  local tool=$1
  shift
  "$tool" \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$apt/state" -o Dir::State::status="$apt/state/status" \
    -o Dir::Cache="$apt/cache" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o Dir::Cache::archives="$cache/archives" -o Dir::Log="$apt/log" \
    -o APT::Sandbox::User= -o APT::Install-Recommends=0 \
    -o APT::Update::Error-Mode=any -o Acquire::Languages=none \
    -o Acquire::Retries=3 -o Acquire::ForceHash=SHA256 "$@"
}

verify() { (cd "$cache/archives" 2>/dev/null && sha256sum --quiet -c "$1" >&2); }

# Fills archives/ from one suite, then writes SHA256SUMS.
download() {
  local suite=$1 release mirror libraries keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mirror=$(own_mirror "$release")
  [[ -n $mirror ]] || { say "the apt configuration names no source of Debian $release"; return 1; }
  [[ -r $keyring ]] || { say "missing $keyring"; return 1; }

  apt=$cache/apt
  rm -rf "$apt"
  mkdir -p "$apt/state/lists/partial" "$apt/cache" "$apt/log" "$apt/empty/partial" "$cache/archives/partial"
  : >"$apt/state/status"
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
  say "reading the package lists of Debian $suite"
  apt_private apt-get -qq update >&2 || return 1

  # The libraries that bitcoind is linked against; the other dependencies serve a system service, which is not wanted.
  libraries=$(apt_private apt-cache --no-all-versions show "$package" 2>/dev/null |
    sed -n 's/^Depends: //p' | tr ',' '\n' | sed -nE 's/^ *(lib[^ |(]+).*/\1/p') || true
  [[ -n $libraries ]] || { say "Debian $suite has no $package"; return 1; }

  # Lines of --print-uris: 'URI' file size SHA256:hash. It leaves out what the archive directory holds, hence an
  # empty one.
  # shellcheck disable=SC2086
  {
    apt_private apt-get -o Dir::Cache::archives="$apt/empty" -qq --print-uris install $libraries &&
      apt_private apt-get -o Dir::Cache::archives="$apt/empty" -qq --print-uris download "$package"
  } | sed -nE "s/^'[^']*' ([^ ]+) [0-9]+ SHA256:([0-9a-f]{64})$/\2  \1/p" >"$cache/SHA256SUMS.new" || return 1
  grep -q "  ${package}_" "$cache/SHA256SUMS.new" || { say "no signed hash for $package"; return 1; }

  # apt believes a file that is already there by its size alone: damaged ones go first.
  (cd "$cache/archives" &&
    while read -r sum file; do
      [[ ! -e $file ]] || echo "$sum  $file" | sha256sum --status -c - || rm -f "$file"
    done <"$cache/SHA256SUMS.new")

  say "downloading $(wc -l <"$cache/SHA256SUMS.new") packages"
  # shellcheck disable=SC2086
  apt_private apt-get -qq -y --download-only install $libraries >&2 || return 1
  (cd "$cache/archives" && apt_private apt-get -qq download "$package" >&2) || return 1
  verify "$cache/SHA256SUMS.new" || { say "a downloaded package is damaged"; return 1; }
  mv "$cache/SHA256SUMS.new" "$cache/SHA256SUMS"
  rm -rf "$apt" # 90 MB of package lists, stale by the next time they are needed
}

if [[ -n ${BITCOIND_REFRESH:-} ]] || ! { [[ -s $cache/SHA256SUMS ]] && verify "$cache/SHA256SUMS"; }; then
  found=
  for suite in $suites; do
    ! download "$suite" || { found=1; break; }
  done
  [[ -n $found ]] || die "no $package from any of: $suites. Install Bitcoin Core by hand and set BITCOIND"
fi

# --- Unpack, try, put in place --------------------------------------------------------------------------------------

staging=$(mktemp -d "$cache/staging.XXXXXX")
trap 'rm -rf "$staging"' EXIT
chmod 755 "$staging"
mkdir "$staging/bin" "$staging/root"
while read -r _ file; do
  dpkg-deb -x "$cache/archives/$file" "$staging/root"
done <"$cache/SHA256SUMS"
rm -rf "$staging/root/usr/share"

loader=$(cd "$staging/root" && find usr -name 'ld-linux*.so.*' -print -quit)
libraries=$(cd "$staging/root" && dirname "$(find usr -name libstdc++.so.6 -print -quit)")
[[ -n $loader && $libraries != . ]] || die "the packages hold no loader or no libstdc++"

for program in $programs; do
  cat >"$staging/bin/$program" <<WRAPPER
#!/bin/sh
# $program on the loader and libraries next to it (written by install-bitcoind.sh).
root=\$(dirname "\$(readlink -f "\$0")")/../root
unset LD_LIBRARY_PATH LD_PRELOAD
exec "\$root/$loader" --argv0 $program --library-path "\$root/$libraries" "\$root/usr/bin/$program" "\$@"
WRAPPER
  chmod 755 "$staging/bin/$program"
done
version=$("$staging/bin/bitcoind" -version | head -n 1) || die "the unpacked bitcoind does not run"

# rename(2) does not replace a directory that is not empty: the old one moves away first.
if [[ -e $node ]]; then mv -T "$node" "$(mktemp -u "$cache/old.XXXXXX")"; fi
mv -T "$staging" "$node"
rm -rf "$cache"/old.*
say "$version in $node"
echo "$node/bin/bitcoind"
