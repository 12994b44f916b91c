# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: dracut builds the initramfs: root on bcache, then the packages are purged
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

fetched
layer dracut --online <<<"apt-get -y install dracut $depends"
installed
root_on_bcache

native <<<'user apt -y purge outrigger-dkms outrigger-tools'
in_initramfs bcache || fail "no bcache in the initramfs"
! in_initramfs bcache-journal || fail "the module is still in the initramfs"
