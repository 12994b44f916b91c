# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: in-container
# about: the package is configured and removed in containers and a chroot: the host keeps its module
# disks: 1G 1G
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

info=/var/lib/dpkg/info/outrigger-dkms
inside=/srv/inside

# contain OPTION...: run $script in a container that unshare makes with these options, over
# a copy of /. There, DKMS and the script initramfs do nothing. $sys and $caps can take
# something away.
contain()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount "$@" bash -c '
		mount --rbind /dev "$1/dev"
		mount -t proc none "$1/proc"
		mount -t sysfs none "$1/sys"
		mount -o "remount,bind,$2" "$1/sys"
		for f in sbin/dkms libexec/outrigger/initramfs; do
			mount --bind /bin/true "$1/usr/$f"
		done
		exec setpriv $3 chroot "$1" sh -c "$4"
	' - $inside "${sys-rw}" "${caps-}" "$script"
}

# kept WHERE COMMAND...: COMMAND succeeds, and neither touches nor mentions the module
kept()
{
	say "$1"
	shift
	"$@" >/run/said 2>&1 || fail "the script fails: $(cat /run/said)"
	sed 's/^/    /' /run/said
	state_is attached || fail "the host's module is $(state)"
	! grep -q bcache_journal /run/said || fail "it mentions the host's module"
}

make_set --writeback
attach
fio_start --size=2M
mkdir -p $inside /run/upper /run/work
mount -t overlay none $inside -o lowerdir=/,upperdir=/run/upper,workdir=/run/work ||
	fail "no file system for the container"

say "another version is installed"
ko=$(modinfo -n bcache_journal)
unpack bcache_journal /run/ko
LC_ALL=C sed -i 's/\x00version=./\x00version=9/' /run/ko
case $ko in
*.xz) xz -c /run/ko >"$ko" ;;
*.zst) zstd -cq /run/ko >"$ko" ;;
*) cp /run/ko "$ko" ;;
esac
ctl 0 status --due
says 'bcache_journal: version .* takes over with'

for script in "sh $info.postinst configure 0" "sh $info.prerm remove"; do
	say "== $script"
	kept "a container without restrictions" contain --pid --fork
	caps='--bounding-set -sys_module' kept "without CAP_SYS_MODULE" contain --pid --fork
	caps='--bounding-set -sys_module' sys=ro \
		kept "without CAP_SYS_MODULE, /sys is read-only" contain --pid --fork
	kept "a chroot" contain
done

say "== in a mount namespace of the machine, like that of a service"
mount --bind /bin/true /usr/sbin/dkms
unshare --mount bash -c "mount -t tmpfs none /tmp; $script" || fail "prerm"
[ "$(state)" = absent ] || fail "not unloaded"
fio_stop
stop_set
