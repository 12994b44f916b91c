# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by tests/vm and the scripts here: paths, locks, and root file systems.

# shellcheck disable=SC2034 # used by the scripts that source this
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
cache=${OUTRIGGER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/outrigger}
# shellcheck source=tests/suites
. "$tests/suites"

die()
{
	echo "${0##*/}: $*" >&2
	exit 2
}

# progress LABEL LOG COMMAND...: run the command with its output in LOG, and show its
# progress: one changing line on a terminal, otherwise an occasional line
progress()
{
	local label=$1 log=$2 start=$SECONDS next=0 pid status=0 cr='' end=$'\n' never

	shift 2
	[ ! -t 2 ] || { cr=$'\r\e[K'; end=''; }
	exec {never}<> <(:)	# to wait without starting a process, which can take long
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if ((SECONDS - start >= next)); then
			printf '%s%s: %d s: %.60s%s' "$cr" "$label" $((SECONDS - start)) \
				"$(tail -n 1 "$log" 2>/dev/null | tr -c '[:print:]' ' ')" "$end" >&2
			[ "$cr" ] && next=$((SECONDS - start + 1)) ||
				next=$((SECONDS - start + 15))
		fi
		read -rt 0.2 -u "$never"
	done
	exec {never}>&-
	wait "$pid" || status=$?
	printf '%s%s: %s, %d s\n' "$cr" "$label" \
		"$([ "$status" = 0 ] && echo "done" || echo "failed, see $log")" \
		$((SECONDS - start)) >&2
	return "$status"
}

# A run can be killed at any moment, and other runs may use the same cache. So everything
# in the cache is built under a lock, in a directory new.NAME that is renamed once it is
# complete, and is not removed while a process holds it. Children that outlive a killed
# script keep its locks.

# lock FILE, unlock: a script can hold only one such lock at a time
lock()
{
	exec 9>"$1" || die "$1: cannot be written"
	flock -n 9 || { echo "waiting for another run: $1 is locked" >&2; flock 9; }
}

unlock()
{
	exec 9>&-
}

# once NAME COMMAND...: run COMMAND with the directory to create as its last argument, to
# make $cache/NAME, unless that is there
once()
{
	local new=$cache/new.$1

	mkdir -p "$cache"
	lock "$cache/$1.lock"
	if [ ! -e "$cache/$1" ]; then
		namespace rm -rf "$new"
		"${@:2}" "$new" && mv -T "$new" "$cache/$1"
	fi
	unlock
	[ -e "$cache/$1" ]
}

# hold DIR: create DIR if it is missing, and keep it from being pruned until this
# process and its children have exited
hold()
{
	local fd

	while true; do
		mkdir -p "$1" && touch "$1" && exec {fd}<"$1" || die "$1: cannot be used"
		flock -s "$fd"
		[ ! "$1" -ef "/proc/self/fd/$fd" ] || return 0
		exec {fd}<&-	# prune removed it first
	done
}

# prune DIR N: remove the directories in DIR, except the N most recently used ones and
# those that are held; also remove partly built and partly removed ones. The caller
# holds the lock for DIR, if there is one.
prune()
{
	local dir

	# shellcheck disable=SC2010,SC2012 # the names are plain
	ls -dt "$1"/*/ 2>/dev/null | grep -vE '/(new|old)[.][^/]*/$' | tail -n +$(($2 + 1)) |
		while read -r dir; do
			# another run may have removed it
			flock -n "$dir" mv -T "$dir" "$(mktemp -d "$1/old.XXXXXX")" 2>/dev/null || :
		done
	namespace rm -rf "$1"/old.* "$1"/new.* 2>/dev/null || :	# another run may remove them too
}

# begin_run DIR N: set $runs to a new directory in DIR for the logs of this run; keep
# the last N
begin_run()
{
	runs=$1/$(date +%Y%m%d-%H%M%S)-$$
	hold "$runs"
	prune "$1" "$2"
}

# end_with_script: kill this subshell, and with it its machine, when the script has ended,
# even if it was killed by SIGKILL
end_with_script()
{
	local me=$BASHPID

	setpriv --pdeathsig KILL bash -c '
		# a script that has ended may still be a zombie; starting a process can take long
		exec {never}<> <(:)
		while status=$(<"/proc/$2/status") && [[ $status =~ PPid:[[:space:]]*$1[[:space:]] ]]; do
			read -rt 0.5 -u "$never"
		done
		kill -KILL "$2"
	' bash $$ "$me" >/dev/null 2>&1 </dev/null &
}

# late: succeed if no further case should start, because the time at which tests/check wants
# to come to an end, $OUTRIGGER_UNTIL in seconds since 1970, has passed
late()
{
	[ "${OUTRIGGER_UNTIL-}" ] && ((EPOCHSECONDS >= OUTRIGGER_UNTIL))
}

# debian SUITE PREFER TREE OPTION...: make the directory TREE with mmdebstrap, and with the
# Debian mirrors, the proxy and the patience with outdated mirrors that this system has. If
# SUITE is a backports suite, packages that match PREFER come from there, and all others from
# its base suite. /dev is left empty.
debian()
{
	local suite=$1 base=${1%-backports} prefer=$2 tree=$3 mirror security='' key value
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg sources

	shift 3
	site()
	{
		apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
			'Origin: Debian' 'Created-By: Packages' |
			awk "\$2 $1 && !n++ { print \$1 }"
	}
	mirror=${OUTRIGGER_MIRROR:-$(site '!~ /-security$/')}
	[ "${OUTRIGGER_MIRROR-}" ] || security=$(site '~ /-security$/')
	[ "$mirror" ] ||
		die "apt knows no Debian mirror: run \"apt-get update\", or set OUTRIGGER_MIRROR"

	sources="deb [signed-by=$keyring] $mirror $base main"
	[ -z "$security" ] ||
		sources+=$'\n'"deb [signed-by=$keyring] $security $base-security main"
	if [ "$base" != "$suite" ]; then
		sources+=$'\n'"deb [signed-by=$keyring] $mirror $suite main"
		set -- "$@" --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\"
			printf 'Package: $prefer\nPin: release n=$suite\nPin-Priority: 900\n' \
				>\"\$1/etc/apt/preferences.d/backports\""
	fi
	for key in Acquire::http::Proxy Acquire::Check-Valid-Until; do
		value=$(apt-config dump --format '%v%n' $key)
		[ -z "$value" ] || set -- "$@" --aptopt="$key \"$value\""
	done
	set -- mmdebstrap --dpkgopt=force-unsafe-io "$@" "$base"
	mkdir "$tree"
	if [ "$(id -u)" = 0 ]; then
		# without a detour, which takes time; if it is killed, its mounts disappear
		namespace "$@" "$tree" - <<<"$sources" && rm -rf "${tree:?}"/dev/*
	else
		"$@" "$tree.tar" - <<<"$sources" &&
			namespace tar -C "$tree" -xf "$tree.tar" --exclude='./dev/*' &&
			rm "$tree.tar"
	fi
}

# bootable DIR: make the files to boot the tree DIR/root, as mkroot describes them
bootable()
{
	local dir=$1 kver m ko name

	# shellcheck disable=SC2016 # namespace expands it
	namespace bash -euo pipefail -c '
		cd "$1"
		echo "making the disk image"
		truncate -s "$(($(du -sm root | cut -f 1) * 5 / 4))M" root.ext4
		mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d root root.ext4
	' bash "$dir"

	kver=$(basename "$dir"/root/lib/modules/*)
	cp "$dir/root/boot/vmlinuz-$kver" "$dir/vmlinuz"
	mkdir -p "$dir/modules"
	: >"$dir/modules/list"	# empty if all are built in
	for m in virtio_pci virtio_blk virtio_console ext4 overlay; do
		modprobe -d "$dir/root" -S "$kver" --show-depends "$m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
	while read -r ko; do
		name=${ko##*/} name=${name%%.ko*}.ko
		case $ko in
		*.xz) xz -dc "$ko" ;;
		*.zst) zstd -dcq "$ko" ;;
		*.gz) gzip -dc "$ko" ;;
		*) cat "$ko" ;;
		esac >"$dir/modules/$name"
		echo "/modules/$name" >>"$dir/modules/list"
	done
}

# QEMU: use the host's if it is new enough, else the one from mkqemu. Before 10.1 there
# is no vfio-user-pci for the GPU. Before 8.1, a guest that modifies code while another
# CPU runs it (as livepatch does) occasionally executes the old code and oopses: "int3".
qemu_of_host()
{
	local version

	version=$(qemu-system-x86_64 --version 2>/dev/null | sed -n 's/.* version \([0-9.]*\).*/\1/p')
	printf '10.1\n%s\n' "$version" | sort -CV
}

qemu()
{
	local root=$cache/qemu/usr

	if qemu_of_host; then
		echo qemu-system-x86_64
	else
		printf '%s\n' env QEMU_MODULE_DIR="$root/lib/x86_64-linux-gnu/qemu" \
			"$root/lib64/ld-linux-x86-64.so.2" \
			--library-path "$root/lib/x86_64-linux-gnu" \
			"$root/bin/qemu-system-x86_64" \
			-L "$root/share/seabios" -L "$root/share/qemu"
	fi
}

need_qemu()
{
	qemu_of_host || once qemu progress "getting a newer QEMU than this system's" \
		"$cache/qemu.log" "$tests/qemu/mkqemu" || die "no QEMU: $cache/qemu.log"
}

# need_promtool: find promtool, or get it without the rest of the package prometheus, which
# would set up a server
need_promtool()
{
	command -v promtool >/dev/null || {
		once prometheus get_promtool
		PATH+=:$cache/prometheus/usr/bin
		command -v promtool >/dev/null
	}
}

get_promtool()	# DIR
{
	mkdir -p "$1/deb" && (cd "$1/deb" && apt-get download prometheus) &&
		dpkg -x "$1"/deb/prometheus_*.deb "$1" && rm -r "$1/deb"
}

# accel KERNEL: print the accelerator to use: KVM only if a kernel that has no root file
# system boots up to its panic. The result is remembered until the host reboots.
accel()
{
	local answer qemu
	mapfile -t qemu < <(qemu)
	answer=$cache/accel-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$answer" ]; then
		if [ -w /dev/kvm ] && timeout -k 1 10 "${qemu[@]}" -accel kvm \
			-machine q35 -nodefaults -display none -m 512M -no-reboot \
			-kernel "$1" -append panic=-1 2>/dev/null; then
			echo "kvm -cpu host"
		else
			echo "tcg,thread=multi"
		fi >"$answer.$$"
		mv "$answer.$$" "$answer"
	fi
	cat "$answer"
}

# clock KERNEL: print the parameter that tells an emulated machine the rate of its TSC, which
# is that of the host's. The kernel would measure it, and if the host pauses the machine at
# the wrong moment, the guest's clock is off by any factor.
clock()
{
	local answer

	[[ $(accel "$1") = tcg* ]] || return 0
	answer=$cache/tsc-$(</proc/sys/kernel/random/boot_id)
	if [ ! -e "$answer" ]; then
		gcc -O2 -Wall -o "$answer.$$" "$tests/qemu/tsc.c" &&
			"$answer.$$" >"$answer.$$.khz" && mv "$answer.$$.khz" "$answer"
		rm -f "$answer.$$"
	fi
	echo "tsc_early_khz=$(<"$answer")"
}

# namespace COMMAND...: run the command as root with private mounts. An ordinary user
# becomes root in a user namespace; files then belong to the user and to subordinate ids
# (package uidmap), and can only be removed in such a namespace.
namespace()
{
	if [ "$(id -u)" = 0 ]; then
		unshare --mount "$@"
	else
		unshare --user --map-root-user --map-auto --mount "$@"
	fi
}

# Kernel parameters for all guests.
# shellcheck disable=SC2034 # used by the scripts named boot
parameters=(
	console=ttyS0
	mitigations=off		# some print "WARNING" if the CPU lacks a mitigation
	tsc=nowatchdog		# the clocks of emulated CPUs drift
	no_timer_check		# on a busy host emulated timers are late
	# any error ends the machine at once (-no-reboot)
	panic=-1 oops=panic panic_on_warn=1
	softlockup_panic=1 watchdog_thresh=20
	sysctl.kernel.hung_task_panic=1 sysctl.kernel.hung_task_timeout_secs=100
)

bad='BUG|WARNING|Oops|Call Trace|KASAN|UBSAN|hung task|blocked for more than|refusing'
bad+='|stall|soft lockup|general protection|Kernel panic|corruption|unable to handle'
# of a debug kernel
bad+='|suspected memory leak|locking correctness validator|non-static key'

# judge RUN N STATUS ALLOW BOOTS: print what went wrong in boot N, or nothing
judge()
{
	local console=$1/console.$2 last line

	last=$(tail -n 1 "$1/result.$2")
	# on a timeout, PID 1 makes the kernel show its tasks: ignore that output
	line=$(sed '/sysrq: Show Blocked State/,$d' "$console" | grep -aE "$bad" |
		grep -avE "${4:-^$}" | head -n 1)
	if [ "$line" ]; then
		echo "console: $line"
	elif [ "$last" = cut ] && [ "$2" -lt "$5" ]; then
		:	# the host has killed it
	elif [ "$3" = 124 ] || [ "$3" = 137 ]; then
		echo "hung, killed"
	elif [ "$3" != 0 ]; then
		echo "QEMU failed ($3)"
	elif [ "$last" = ok ]; then
		grep -aq 'reboot: Power down' "$console" || echo "no clean power-off"
	elif [ "$last" = crash ] && [ "$2" -lt "$5" ]; then
		grep -aqE 'sysrq: Resetting|reboot: Restarting system' "$console" ||
			echo "announced a crash, but did not reset"
	else
		case $last in
		timeout) echo "timed out" ;;
		exit*) echo "the script failed ($last)" ;;
		*) echo "the machine died; its last result was '${last:-nothing}'" ;;
		esac
	fi
}

# over LOWER SCRIPT [ARGUMENT...]: run SCRIPT with $root, a file system over LOWER (one
# directory, or several separated by ":") whose changes are only in memory and discarded
# at the end; in_root COMMAND... runs a command in it, and $tmp/upper has the changes.
# The mounts disappear with their namespace, so a busy one cannot make umount fail.
over()
{
	local lower=$1 script=$2 tmp status=0

	shift 2
	tmp=$(mktemp -d) || return
	namespace bash -euo pipefail -c '
		lower=$1 tmp=$2
		shift 2
		mount -t tmpfs -o mode=755 none "$tmp"
		mkdir "$tmp/upper" "$tmp/work" "$tmp/root"
		root=$tmp/root
		mount -t overlay none "$root" -o \
			"lowerdir=$lower,upperdir=$tmp/upper,workdir=$tmp/work"
		mount --rbind /dev "$root/dev"
		mount --rbind /proc "$root/proc"
		mount -t tmpfs none "$root/tmp"
		in_root()
		{
			env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
				LC_ALL=C DEBIAN_FRONTEND=noninteractive \
				${http_proxy:+http_proxy="$http_proxy"} chroot "$root" "$@" </dev/null
		}
		'"$script" bash "$lower" "$tmp" "$@" || status=$?
	rmdir "$tmp"
	return "$status"
}

# newest DIR PACKAGES: print the newest tree in DIR made from the list in PACKAGES
newest()
{
	local k

	compgen -G "$1/[0-9]*/kver" | sed 's|/kver$||' | sort -rV | while read -r k; do
		if cmp -s <(grep -v '^#' "$k/packages") <(grep -v '^#' "$2"); then
			echo "$k"
			break
		fi
	done
}

# need_tree DIR PACKAGES WHAT COMMAND...: find such a tree, or run COMMAND with the directory
# to create as its last argument. From then on, tree_of DIR PACKAGES prints this tree, even
# if another run creates a newer one.
declare -A trees=()
update=''	# not empty: always create a new one
need_tree()
{
	local new=$1/new.tree tree

	mkdir -p "$1"
	lock "$1/lock"
	tree=$(newest "$1" "$2")
	if [ "$update" ] || [ ! "$tree" ]; then
		namespace rm -rf "$new"
		progress "$3" "$1/log" "${@:4}" "$new" || die "$3 failed: $1/log"
		tree=$1/$(cat "$new/kver")
		[ ! -e "$tree" ] || tree+=.$(date +%s.%N)	# the old one may be in use
		mv -T "$new" "$tree"
	fi
	hold "$tree"
	prune "$1" 1
	unlock
	trees[$1]=$tree
}

tree_of()
{
	echo "${trees[$1]-$(newest "$1" "$2")}"
}

# A KERNEL, as in root_of and need_root, is a suite or one of $variants.

# suite_of KERNEL: print the suite in which it is installed
suite_of()
{
	[ "$1" = debug ] && echo "${variants[debug]}" || echo "${1%-cloud}"
}

# like KERNEL: print the suite among those of tests/suites whose kernel is of that series
like()
{
	echo "${variants[$1]-$1}"
}

# root_of KERNEL: print the directory of its root file system, made by need_root
root_of()
{
	if [ "$1" = debug ]; then
		tree_of "$(root_of "$(suite_of debug)")/debug" "$tests/qemu/debug.config"
	else
		tree_of "$cache/$1" "$tests/qemu/packages"
	fi
}

need_root()	# KERNEL
{
	local suite

	if [ "$1" = debug ]; then
		suite=$(suite_of debug)
		need_root "$suite"
		need_more "$suite" kernel "linux-source, bc, bison, flex, dwarves, libelf-dev"
		need_tree "$(root_of "$suite")/debug" "$tests/qemu/debug.config" \
			"debug: building the kernel" "$tests/qemu/mkdebug" \
			"$(lower_of "$suite" kernel)" "$(root_of "$suite")" "$cache/debug-kernel"
	else
		need_tree "$cache/$1" "$tests/qemu/packages" "$1: making the root file system" \
			"$tests/qemu/mkroot" "$1"
	fi
}

# need_more SUITE NAME DEPENDENCIES [BELOW...]: find or make a layer with these packages
# over the suite's root file system and the layers BELOW; lower_of SUITE NAME BELOW...
# prints the directories to mount
declare -A more=()
need_more()
{
	local also dir new below

	also=$(root_of "$1")/also
	below=$(lower_of "$1" "${@:4}")
	dir=$also/$2-$(sha256sum <<<"$3 $below" | cut -c 1-16) new=$also/new.$2
	mkdir -p "$also"
	lock "$also/lock"
	if [ ! -e "$dir" ]; then
		namespace rm -rf "$new"
		progress "$1: getting packages to $2" "$also/$2.log" \
			"$tests/qemu/mkmore" "$below" "$new" "$3" || die "$1: $also/$2.log"
		mv -T "$new" "$dir"
	fi
	hold "$dir"
	prune "$also" 8
	unlock
	more[$1/$2]=$dir/tree
}

lower_of()
{
	local name lower=''

	for name in "${@:2}"; do
		lower+=${more[$1/$name]}:
	done
	echo "$lower$(root_of "$1")/root"
}

# need_build SUITE: find or make the layer "build", with the packages for "make deb"
need_build()
{
	need_more "$1" build "build-essential, $(sed -n '/^Build-Depends:/,/^[^ ]*:/ {
		s/^Build-Depends://; /:/!p }' "$tests/../packaging/debian/control" | tr -d '\n')"
}

# need_source: put a copy of the source into $runs/source.tar, so that later changes of
# the tree do not affect this run
need_source()
{
	[ -e "$runs/source.tar" ] || {
		"$tests/../packaging/build" source >/dev/null &&
			cp "$tests/../build/source.tar" "$runs/source.new" &&
			mv "$runs/source.new" "$runs/source.tar"
	} || die "no source"
}

# The packages to test: those in the directory OUTRIGGER_DEBS, or else those made by
# "make deb" in each suite; debs_of SUITE [next] prints their directory. "next" is the
# same source with a later version.
debs=${OUTRIGGER_DEBS-} debs_key=''
debs_of()
{
	echo "${debs:-$(root_of "$1")/debs/$debs_key${2:+-$2}}"
}

need_debs()	# SUITE [next]
{
	local dir new

	[ ! "$debs" ] || return 0
	need_source
	[ "$debs_key" ] || debs_key=$(tar -xOf "$runs/source.tar" --exclude='*/tests/*' |
		sha256sum | cut -c 1-16)
	need_build "$1"
	dir=$(debs_of "$@") new=${dir%/*}/new.debs
	mkdir -p "${dir%/*}"
	lock "${dir%/*}/lock"
	if [ ! -e "$dir" ]; then
		rm -rf "$new"
		mkdir "$new"
		# shellcheck disable=SC2016 # over expands it
		progress "$1: making the packages${2:+, $2}" "${dir%/*}/log" \
			over "$(lower_of "$1" build)" '
			tar -C "$root/tmp" -xf "$1"
			cd "$root"/tmp/outrigger-*
			if [ "$3" ]; then
				sed -i "s/^\(PACKAGE_VERSION=.*\)\"/\1.1\"/" dkms.conf
				sed -i "s/^Version: .*/&.1/" META
				sed -i "1s/)/.1)/" packaging/debian/changelog
			fi
			in_root sh -c "make -C /tmp/outrigger-* deb"
			cp build/outrigger* "$2"
		' "$runs/source.tar" "$new" "${2-}" || {
			tail -n 15 "${dir%/*}/log" >&2
			die "$1: no packages: ${dir%/*}/log"
		}
		mv -T "$new" "$dir"
	fi
	hold "$dir"
	prune "${dir%/*}" 6
	unlock
}
