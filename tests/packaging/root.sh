# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# To be sourced: a bare Debian 12 in $work/root (debootstrap once into $work/base, kept for the next time), with the network and apt's
# lists, and a user `someone`. The caller is in a mount and process namespace of its own.
root=$work/root

say() { printf '== %s\n' "$*"; }
fail() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_user() { chroot --userspec=someone:someone "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/home/someone LANG=C.UTF-8 OMP_NUM_THREADS=1 \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt sh -ec "cd; $1"; }
apt_install() { in_root apt-get install -y -q --no-install-recommends "$@" > "$work/apt.log" 2>&1 || { cat "$work/apt.log"; fail "apt-get install $*"; }; }

new_root() {
    if [ ! -f "$work/base/.complete" ]; then
        say "debootstrap"
        rm -rf "$work/base"
        debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" http://deb.debian.org/debian > "$work/debootstrap.log" 2>&1 ||
            { tail "$work/debootstrap.log"; fail debootstrap; }
        touch "$work/base/.complete"
    fi
    rm -rf --one-file-system "$root"
    cp -a "$work/base" "$root"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true # where the network needs its own
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/dev/shm"
    in_root update-ca-certificates > /dev/null 2>&1
    in_root useradd -m someone
    in_root apt-get update -q > "$work/apt.log" 2>&1
}
