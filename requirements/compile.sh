#!/bin/sh
# Pins every *.in with hashes into its *.txt, for all platforms and Python 3.11+ (`make requirements`).
# torch stands apart: torch.txt is the wheel alone, torch-cuda.txt what its standard Linux wheel needs besides.
set -eu
cd "$(dirname "$0")"
compile() { uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet "$@"; }
full=$(mktemp); trap 'rm -f "$full"' EXIT

compile base.in -o base.txt
compile torch.in -c base.txt -o "$full"
cuda=$(sed -nE 's/^((nvidia|cuda|triton)[a-z0-9-]*)==.*/\1/p' "$full")
without_cuda=$(for name in $cuda; do printf -- '--no-emit-package %s ' "$name"; done)
only_cuda=$(sed -nE 's/^([a-z0-9-]+)==.*/\1/p' "$full" | sort -u | grep -vxF "$cuda" | sed 's/^/--no-emit-package /')

# shellcheck disable=SC2086
{
    compile torch.in -c base.txt $only_cuda -o torch-cuda.txt
    compile torch.in -c base.txt $without_cuda -o torch.txt
    compile model.in torch.in -c base.txt --no-emit-package torch $without_cuda -o model.txt
    compile embedded.in -c base.txt -c model.txt -o embedded.txt
    compile dev.in -c base.txt -c model.txt -c embedded.txt -o dev.txt
}
# The CPU build (2.13.0+cpu, Python 3.11, x86-64) is the same release under a local version, with a hash of its own.
sed -i 's/^torch==2.13.0 \\$/&\n    --hash=sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b \\/' torch.txt
