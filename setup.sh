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

# SPMS: soft norm-conserving pseudopotentials (psp8) of 69 elements (Shojaei et al., Comput. Phys. Commun. 283, 108594, 2023), shipped
# in the PyPI wheel sparc-x-api. Data only, never committed.
wheel_sha256=5247e3f2aa60f906141d5a0506502acb00a4aa1ea876dae91cd5a7157fefb430
fetch_pseudopotentials() {
    local dir=.alnd/pseudo/SPMS
    [ -f "$dir/.complete" ] && return
    say "fetching the SPMS pseudopotentials (PyPI: sparc-x-api 1.1.0)"
    mkdir -p .alnd/wheel "$dir"
    printf 'sparc-x-api==1.1.0 --hash=sha256:%s\n' "$wheel_sha256" > .alnd/wheel/requirements.txt
    python3 -m pip download -q --no-deps --require-hashes --disable-pip-version-check -d .alnd/wheel -r .alnd/wheel/requirements.txt
    python3 - "$dir" <<'PY'
import glob, os, sys, zipfile
wheel = glob.glob('.alnd/wheel/*.whl')[0]
n = 0
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if name.endswith('.psp8'):
            with open(os.path.join(sys.argv[1], os.path.basename(name)), 'wb') as out:
                out.write(z.read(name))
            n += 1
if n < 60:
    sys.exit(f'{wheel} holds {n} psp8 files, 69 expected')
PY
    rm -rf .alnd/wheel
    touch "$dir/.complete"
}

build() {
    install_packages
    fetch_pseudopotentials
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
