#!/bin/sh
# Puts `prometheus` and `promtool` into the folder $1, for the tests of deploy/ alone: Debian's package, unpacked and not
# installed. Does nothing where they are on the PATH; where there is no apt or no network, those tests are skipped.
set -eu
has() { command -v "$1" >/dev/null; }
has prometheus && has promtool && exit
has apt-get && has dpkg || exit 0
own=$(mktemp -d); trap 'rm -rf "$own"' EXIT
chmod a+rwx "$own"; cd "$own"  # apt downloads as a user of its own
mkdir -p lists/partial
download() { timeout 120 apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$@"; }

{ download download prometheus || {  # without lists of packages, as on a new machine: with lists of our own
    download -o Dir::State::Lists="$own/lists" update && download -o Dir::State::Lists="$own/lists" download prometheus
}; } >/dev/null 2>&1 || exit 0
dpkg --extract prometheus_*.deb .
mkdir -p "$OLDPWD/$1" && mv usr/bin/prometheus usr/bin/promtool "$OLDPWD/$1"
