#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# clean_root.sh PACKAGE.deb WORKDIR: the Debian package in a bare Debian 12 (debootstrap, chroot), as a stranger would: installed by
# apt, help, keys, completion, a campaign from its first label to its exported models as an ordinary user, the example built with
# pkg-config and with find_package, the Python module; then purged, with nothing of it left. Needs root, debootstrap and the network;
# WORKDIR/base is kept for the next time, WORKDIR/root is for looking at until then. Some minutes.
set -euo pipefail

deb=$(realpath "$1")
work=$(mkdir -p "$2" && realpath "$2")
here=$(cd "$(dirname "$0")/../system" && pwd)

if [ -z "${CLEAN_ROOT_INSIDE:-}" ]; then # a mount and process namespace of its own: nothing stays mounted or running, however it ends
    CLEAN_ROOT_INSIDE=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi

. "$(dirname "$0")/root.sh"
new_root
cp "$deb" "$root/tmp/alnd.deb"
say "apt-get install ./alnd.deb"
in_root dpkg-query -W -f '${Package}\n' | sort > "$work/packages.before"
apt_install /tmp/alnd.deb
in_root dpkg-query -W -f '${Package}\n' | sort | comm -13 "$work/packages.before" - > "$work/packages.new"
echo "$(wc -l < "$work/packages.new") packages, alnd among them"

say "help, keys, completion"
as_user 'alnd help | grep -q "alnd start"; alnd --version; alnd describe | grep -q "^label.cutoff"'
as_user 'for f in alnd-worker alnd; do ldd /usr/bin/$f; done' | grep 'not found' && fail 'a library is missing'
got=$(in_root bash -c '. /usr/share/bash-completion/completions/alnd; COMP_WORDS=(alnd md --ens); COMP_CWORD=2; _alnd alnd --ens md; echo "${COMPREPLY[*]}"')
[ "$got" = --ensemble ] || fail "completion: $got"
for page in man1/alnd.1 man1/alnd-worker.1 man1/alnd-lmp.1 man5/loop.yaml.5; do
    [ -s "$root/usr/share/man/$page.gz" ] || [ -f "$root/etc/dpkg/dpkg.cfg.d/excludes" ] || fail "no man page $page"
done

say "pseudopotentials"
apt_install python3-pip
as_user '/usr/share/alnd/fetch-pseudopotentials'

say "a campaign, as an ordinary user"
cp "$here/mini.yaml" "$here/li2s.extxyz" "$root/home/someone/"
as_user 'alnd start mini.yaml > start.log 2>&1' || { tail -20 "$root/home/someone/start.log"; fail "alnd start"; }
as_user 'alnd status run; alnd errors run > errors.txt; alnd export run handoff > export.log; ls handoff handoff/models'

say "labels and two models of Li, P and S by hand"
cat > "$root/home/someone/frames.py" <<'PY'
import random
random.seed(1)
d = 2.05 / 3 ** 0.5
atoms = [('P', 0, 0, 0), ('S', d, d, d), ('S', d, -d, -d), ('S', -d, d, -d), ('S', -d, -d, d), ('Li', 2.4, 0, 0), ('Li', -2.4, 0, 0), ('Li', 0, 2.4, 0)]
for k in range(4):
    print('8\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3')
    for s, *x in atoms:
        print(s, *(round(4.5 + v + random.gauss(0, 0.05), 4) for v in x))
PY
as_user 'python3 frames.py > frames.extxyz
    alnd label frames.extxyz --config mini.yaml --out labelled.extxyz > label.log
    for k in 1 2; do alnd train labelled.extxyz --config mini.yaml --steps 100 --seed $k --out fit$k > train.log; done'

say "the Python module"
apt_install python3-numpy
as_user "python3 -c \"import alnd; m = alnd.Model('fit1/model.dp'); print(alnd.library_path, alnd.version, m.type_map)\""

say "a program of one's own"
apt_install gcc libc6-dev pkg-config cmake make
as_user 'cc -std=c99 -Wall -Werror /usr/share/alnd/examples/evaluate.c $(pkg-config --cflags --libs alnd) -o evaluate
    ./evaluate fit1/model.dp fit2/model.dp > by-pkg-config.txt
    mkdir program
    printf "cmake_minimum_required(VERSION 3.16)\nproject(p C)\nfind_package(alnd 0.1 REQUIRED)\nadd_executable(evaluate evaluate.c)\ntarget_link_libraries(evaluate PRIVATE alnd::alnd)\n" > program/CMakeLists.txt
    cp /usr/share/alnd/examples/evaluate.c program/
    cmake -S program -B program/build > /dev/null; cmake --build program/build > /dev/null
    program/build/evaluate fit1/model.dp fit2/model.dp > by-cmake.txt
    cmp by-pkg-config.txt by-cmake.txt; head -3 by-cmake.txt'

say "apt-get purge alnd"
in_root python3 -c 'import alnd' # as root: leaves its bytecode, were it not compiled and cleaned by the package
in_root apt-get purge -y -q alnd > "$work/apt.log" 2>&1 || { cat "$work/apt.log"; fail purge; }
left=$(in_root find / -xdev -iname '*alnd*' -not -path '/home/*' -not -path '/tmp/*' -not -path '/proc/*')
[ -z "$left" ] || fail "left behind: $left"
in_root ldconfig -p | grep alnd && fail "the loader still knows libalnd"
in_root dpkg --audit
say "all of it holds"
