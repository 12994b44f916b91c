# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu-stale
# about: using a translation after it was invalidated fails
# gpu: lnl
# timeout: 120
# kernels: all
# stock: all
# expect: ^the GPU's ledger: .*stale

. /job/lib.sh

modprobe xe
gpu ignore what=tlb-invalidation on
/job/xe-client <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
bo a 0x100000000 64K
start write a 0x100000000 2
sleep 500
END
