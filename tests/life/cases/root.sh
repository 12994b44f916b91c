# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: root file system on bcache, with the module in the initramfs; the power fails
# short: bookworm

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

prepared
installed
root_on_bcache
