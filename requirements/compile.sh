#!/bin/sh
# Pins every *.in with hashes into its *.txt, for all platforms and Python 3.11+ (`make requirements`).
# torch stands apart: torch.txt is its wheel alone, torch-cuda.txt what the standard Linux wheel needs besides.
set -eu
cd "$(dirname "$0")"
compile() { uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet "$@"; }
full=$(mktemp); trap 'rm -f "$full"' EXIT
omit() { sort -u | sed 's/^/--no-emit-package /' | tr '\n' ' '; }

rm -f torch.txt  # uv would keep the hash that is added below
compile base.in -o base.txt
compile torch.in -c base.txt -o "$full"
all=$(sed -nE 's/^([a-z0-9-]+)==.*/\1/p' "$full")
cuda=$(echo "$all" | grep -E '^(nvidia|cuda|triton)')

# shellcheck disable=SC2046
{
    compile torch.in -c base.txt $(echo "$all" | grep -vx torch | omit) -o torch.txt
    compile torch.in -c base.txt $(echo "$all" | grep -vxF "$cuda" | omit) -o torch-cuda.txt
    compile model.in torch.in -c base.txt $(printf 'torch\n%s\n' "$cuda" | omit) -o model.txt
}
compile embedded.in -c base.txt -o embedded.txt
compile dev.in -c base.txt -c model.txt -c embedded.txt -o dev.txt
# The CPU build (2.13.0+cpu, Python 3.11, x86-64) is the same release under a local version, with a hash of its own.
cpu=6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
sed -i "s/^torch==2.13.0 \\\\$/&\n    --hash=sha256:$cpu \\\\/" torch.txt
