#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# setup.sh run    install what is missing, build, run `alnd start configs/quick.yaml` to its end
# setup.sh test   install what is missing, build, run the tests
# setup.sh build  install what is missing, build
# setup.sh web    the same with npm, for plots and structures to look into in the report (not needed; some 100 MB of packages)
# For Debian 12 and its like. Asks for root (sudo) only when a package is missing.
set -euo pipefail
cd "$(dirname "$0")"

packages=(build-essential cmake ninja-build pkg-config python3 python3-pip
    libopenblas-dev liblapacke-dev libfftw3-dev libxc-dev libscalapack-openmpi-dev libopenmpi-dev openmpi-bin
    libyaml-dev libexpat1-dev libsqlite3-dev libhdf5-dev libjansson-dev nettle-dev libsymspg-dev libmicrohttpd-dev libcmocka-dev)

say() { printf '== %s\n' "$*"; }

install_packages() {
    local missing=() p
    for p in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    say "installing ${missing[*]}"
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

build() {
    install_packages
    packaging/fetch-pseudopotentials .alnd/pseudo
    say "building (build/release)"
    cmake --preset release > build.log 2>&1 || { cat build.log; exit 1; }
    rm -f build.log
    cmake --build --preset release
}

case "${1:-}" in
build) build ;;
web)
    command -v npm > /dev/null || packages+=(nodejs npm)
    rm -rf build/release/web # an attempt without npm or network has left empty files there
    build
    ;;
run)
    build
    say "alnd start configs/quick.yaml"
    exec build/release/bin/alnd start configs/quick.yaml
    ;;
test)
    packages+=(slurmctld slurmd slurm-client munge) # tests/system/slurm.py
    build
    say "tests"
    exec ctest --preset release -j "$(nproc)"
    ;;
*)
    sed -n '5,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
