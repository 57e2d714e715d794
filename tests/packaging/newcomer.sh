#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# newcomer.sh WORKDIR: the README in a bare Debian 12 (debootstrap, chroot), as a stranger would: a fresh clone, `./setup.sh run` to its end, the
# commands that the README names, a config of one's own, a wrong one, and kill -9 in the middle of it. Needs root, debootstrap and the
# network. A quarter of an hour on two idle cores.
set -euo pipefail

work=$(mkdir -p "$1" && realpath "$1")
source=$(realpath "$(dirname "$0")/../..")

if [ -z "${CLEAN_ROOT_INSIDE:-}" ]; then # a mount and process namespace of its own: nothing stays mounted or running, however it ends
    CLEAN_ROOT_INSIDE=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi
. "$(dirname "$0")/root.sh"
new_root
home=$root/root/alnd
in_clone() { in_root PIP_CERT=/etc/ssl/certs/ca-certificates.crt OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 sh -c "cd /root/alnd && $1"; }

say "a fresh clone"
git clone -q "file://$source" "$home"

say "./setup.sh run"
in_clone './setup.sh run' > "$work/run.log" 2>&1 || { tail -30 "$work/run.log"; fail "./setup.sh run"; }
tail -2 "$work/run.log"
[ -s "$home/runs/quick/report.html" ] || fail "no report"

say "what the README names"
in_clone 'PATH=$PWD/build/release/bin:$PATH; alnd status runs/quick; alnd errors runs/quick > errors.txt; alnd export runs/quick handoff > export.txt;
    alnd report runs/quick --out page.html; alnd plan configs/quick.yaml > plan.txt; alnd describe train > keys.txt; ls handoff; wc -c page.html'

say "a config of one's own, killed and gone on with"
sed -e 's/^name: .*/name: mine/' -e 's#^workdir: .*#workdir: runs/mine#' -e 's/^seed: .*/seed: 7/' "$home/configs/quick.yaml" > "$home/configs/mine.yaml"
in_clone 'timeout -s KILL 60 build/release/bin/alnd start configs/mine.yaml > mine.log 2>&1' && fail "it was to be killed"
in_clone 'build/release/bin/alnd status runs/mine' | grep -q interrupted || fail "a killed run is not called interrupted"
labels() { (cd "$home/runs/mine" && find . -path '*/label/*' -name labelled.extxyz -printf '%p %T@\n' | sort); }
labels > "$work/before"
[ -s "$work/before" ] || fail "no label in the first minute"
code=0
in_clone 'timeout --preserve-status -s INT 60 build/release/bin/alnd start configs/mine.yaml >> mine.log 2>&1' || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 3 ] || fail "going on: exit code $code" # done, or stopped
labels > "$work/after"
[ -z "$(comm -23 "$work/before" "$work/after")" ] || fail "a label that was there is lost or was computed again"
[ "$(wc -l < "$work/after")" -gt "$(wc -l < "$work/before")" ] || fail "it does not go on"
echo "$(wc -l < "$work/before") label tasks were done before the kill, $(wc -l < "$work/after") after going on"

say "a wrong one"
sed 's/cutoff:/cutof:/' "$home/configs/mine.yaml" > "$home/configs/wrong.yaml"
code=0
in_clone 'build/release/bin/alnd start configs/wrong.yaml' > "$work/wrong.log" 2>&1 || code=$?
cat "$work/wrong.log"
[ "$code" -eq 2 ] && grep -q "wrong.yaml:[0-9]*:[0-9]*: " "$work/wrong.log" && grep -q cutoff "$work/wrong.log" || fail "exit code $code"
say "all of it holds"
