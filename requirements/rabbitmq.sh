#!/bin/sh
# Puts RabbitMQ and its Erlang into the folder $1, for the tests of another broker alone: Debian's packages, unpacked and
# not installed. Where there is no apt or no network, those tests are skipped.
set -eu
has() { command -v "$1" >/dev/null; }
has apt-get && has dpkg || exit 0
packages=rabbitmq-server
for part in asn1 base crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl syntax-tools \
    tftp tools xmerl; do packages="$packages erlang-$part"; done
own=$(mktemp -d); trap 'rm -rf "$own"' EXIT
chmod a+rwx "$own"; cd "$own"  # apt downloads as a user of its own
mkdir -p lists/partial tree
download() { timeout 300 apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$@"; }

# shellcheck disable=SC2086 # the names are words of their own
{ download download $packages || {  # without lists of packages, as on a new machine: with lists of our own
    download -o Dir::State::Lists="$own/lists" update && download -o Dir::State::Lists="$own/lists" download $packages
}; } >/dev/null 2>&1 || exit 0
for package in ./*.deb; do dpkg --extract "$package" tree; done
mkdir -p "$OLDPWD/$1"; to=$(cd "$OLDPWD/$1" && pwd)
sed -i "s|ROOTDIR=/usr/lib/erlang|ROOTDIR='$to/erlang'|" tree/usr/lib/erlang/bin/erl  # Debian's looks for itself there
mv tree/usr/lib/erlang tree/usr/lib/rabbitmq/lib/rabbitmq_server-* "$to"
