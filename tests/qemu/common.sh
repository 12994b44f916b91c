# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by tests/vm and the scripts here: where things are, and how to wait.

# shellcheck disable=SC2034 # for those who source this
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
cache=${OUTRIGGER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/outrigger}

die()
{
	echo "${0##*/}: $*" >&2
	exit 2
}

# progress LABEL LOG COMMAND...: run it with its output in LOG, and show that it
# lives: one changing line on a terminal, else a line now and then.
progress()
{
	local label=$1 log=$2 start=$SECONDS next=0 pid status=0 cr='' end=$'\n'

	shift 2
	[ ! -t 2 ] || { cr=$'\r\e[K'; end=''; }
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if ((SECONDS - start >= next)); then
			printf '%s%s: %d s: %.60s%s' "$cr" "$label" $((SECONDS - start)) \
				"$(tail -n 1 "$log" | tr -c '[:print:]' ' ')" "$end" >&2
			[ "$cr" ] && next=$((SECONDS - start + 1)) ||
				next=$((SECONDS - start + 15))
		fi
		sleep 0.2
	done
	wait "$pid" || status=$?
	printf '%s%s: %s, %d s\n' "$cr" "$label" \
		"$([ "$status" = 0 ] && echo "done" || echo "failed, see $log")" \
		$((SECONDS - start)) >&2
	return "$status"
}

# debian SUITE PREFER TARGET OPTION...: mmdebstrap from the mirrors that this system
# itself uses for Debian. SUITE may be a backports one: what matches PREFER comes
# from there, all else from the suite it is for.
debian()
{
	local suite=$1 base=${1%-backports} prefer=$2 target=$3 mirror security='' proxy
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
	proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy)
	[ -z "$proxy" ] || set -- "$@" --aptopt="Acquire::http::Proxy \"$proxy\""
	mmdebstrap --dpkgopt=force-unsafe-io "$@" "$base" "$target" - <<<"$sources"
}

# QEMU: the host's where it will do, else the one of mkqemu. Before 10.1 there is no
# vfio-user-pci for the GPU; before 8.1 a guest that changes its code while another CPU
# runs it (livepatch does little else) now and then executes what was there before, and
# oopses: "int3".
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
	qemu_of_host && return
	exec 9>"$cache/qemu.lock"
	flock 9
	[ -e "$cache/qemu" ] ||
		progress "getting a newer QEMU than this system's" "$cache/qemu.log" \
			"$tests/qemu/mkqemu" "$cache/qemu" || die "no QEMU: $cache/qemu.log"
	exec 9>&-
}

# KVM that does not get as far as the panic of a kernel without a root is not
# worth having; what it did once it does again until the host reboots.
accel()	# KERNEL
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

# namespace COMMAND...: run it as root with mounts of its own. An ordinary user
# is root of a user namespace; then files belong to the user and to subordinate
# ids (package uidmap), and only from in here can they be removed.
namespace()
{
	if [ "$(id -u)" = 0 ]; then
		unshare --mount "$@"
	else
		unshare --user --map-root-user --map-auto --mount "$@"
	fi
}

# What every guest's kernel is told.
# shellcheck disable=SC2034 # for the scripts named boot
parameters=(
	console=ttyS0
	mitigations=off		# some print "WARNING" where the CPU has no remedy
	tsc=nowatchdog		# two emulated CPUs drift
	# everything that is wrong ends the machine at once (-no-reboot)
	panic=-1 oops=panic panic_on_warn=1
	softlockup_panic=1 watchdog_thresh=20
	sysctl.kernel.hung_task_panic=1 sysctl.kernel.hung_task_timeout_secs=100
)

bad='BUG|WARNING|Oops|Call Trace|KASAN|UBSAN|hung task|blocked for more than|refusing'
bad+='|stall|soft lockup|general protection|Kernel panic|corruption|unable to handle'

# judge RUN N STATUS ALLOW BOOTS: prints what is wrong with boot N, nothing if all is well
judge()
{
	local console=$1/console.$2 last line

	last=$(tail -n 1 "$1/result.$2")
	# at a time-out PID 1 has the kernel show its tasks: no fault of theirs
	line=$(sed '/sysrq: Show Blocked State/,$d' "$console" | grep -aE "$bad" |
		grep -avE "${4:-^$}" | head -n 1)
	if [ "$line" ]; then
		echo "console: $line"
	elif [ "$3" = 124 ] || [ "$3" = 137 ]; then
		echo "hung, killed"
	elif [ "$3" != 0 ]; then
		echo "QEMU failed ($3)"
	elif [ "$last" = ok ]; then
		grep -aq 'reboot: Power down' "$console" || echo "no clean power-off"
	elif [ "$last" = crash ] && [ "$2" -lt "$5" ]; then
		grep -aq 'sysrq: Resetting' "$console" || echo "announced a crash, but did not reset"
	else
		case $last in
		timeout) echo "timed out" ;;
		exit*) echo "the script failed ($last)" ;;
		*) echo "the machine died, its last word was '${last:-nothing}'" ;;
		esac
	fi
}

# over LOWER SCRIPT [ARGUMENT...]: run SCRIPT where $root is a file system whose changes
# over LOWER (one directory, or several with ":" between) are in memory and vanish;
# in_root COMMAND... runs a command in there. Packages that it installs come from $tmp.
over()
{
	local lower=$1 script=$2

	shift 2
	namespace bash -euo pipefail -c '
		lower=$1
		shift
		tmp=$(mktemp -d)
		trap '\''umount -R -l "$tmp"; rmdir "$tmp"'\'' EXIT
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
		'"$script" bash "$lower" "$@"
}

# root_of SUITE: the directory of its newest root file system, made by need_root
root_of()
{
	local k

	k=$(compgen -G "$cache/$1/*/kver" | sort -V | tail -n 1)
	[ "$k" ] && dirname "$k"
}

update=''	# not empty: a new one, whatever is there
need_root()	# SUITE
{
	local new=$cache/$1/new log=$cache/$1/mkroot.log old

	mkdir -p "$cache/$1"
	exec 9>"$cache/$1/lock"
	flock 9
	old=$(root_of "$1")
	if [ "$update" ] || [ ! "$old" ] ||
		! cmp -s <(grep -v '^#' "$old/packages") <(grep -v '^#' "$tests/qemu/packages"); then
		[ ! -e "$new" ] || namespace rm -rf "$new"
		progress "$1: making the root file system" "$log" \
			"$tests/qemu/mkroot" "$1" "$new" || die "$1: no root file system: $log"
		[ ! "$old" ] || namespace rm -rf "$old"
		mv "$new" "$cache/$1/$(cat "$new/kver")"
	fi
	exec 9>&-
}

# need_more SUITE NAME DEPENDENCIES [BELOW...]: these packages, as a layer over its root
# file system and the layers BELOW; lower_of SUITE NAME BELOW... is what to mount
need_more()
{
	local dir log

	dir=$(root_of "$1")/also/$2
	log=$dir.log
	mkdir -p "${dir%/*}"
	exec 9>"$dir.lock"
	flock 9
	if [ "$(cat "$dir/packages" 2>/dev/null)" != "$3" ]; then
		[ ! -e "$dir" ] || namespace rm -rf "$dir"
		progress "$1: getting packages to $2" "$log" \
			"$tests/qemu/mkmore" "$(lower_of "$1" "${@:4}")" "$dir" "$3" || die "$1: $log"
	fi
	exec 9>&-
}

lower_of()
{
	local root name lower=''

	root=$(root_of "$1")
	shift
	for name; do
		lower+=$root/also/$name/tree:
	done
	echo "$lower$root/root"
}

# The packages that are tested: those in a given directory, or made for each suite, in
# it, as "make deb" does there; debs_of SUITE is where they are.
debs=${OUTRIGGER_DEBS-} debs_key=''
debs_of()
{
	echo "${debs:-$(root_of "$1")/debs/$debs_key}"
}

need_debs()	# SUITE
{
	local dir log source=$tests/../build/source.tar

	[ ! "$debs" ] || return 0
	if [ ! "$debs_key" ]; then
		"$tests/../packaging/build" source >/dev/null || die "no source"
		debs_key=$(tar -xOf "$source" --exclude='*/tests/*' | sha256sum | cut -c 1-16)
	fi
	dir=$(debs_of "$1") log=$cache/$1/deb.log
	[ ! -e "$dir" ] || return 0
	need_more "$1" build "build-essential, $(sed -n '/^Build-Depends:/,/^[^ ]*:/ {
		s/^Build-Depends://; /:/!p }' "$tests/../packaging/debian/control" | tr -d '\n')"
	mkdir -p "$dir.new"
	# shellcheck disable=SC2016 # over expands it
	progress "$1: making the packages" "$log" over "$(lower_of "$1" build)" '
		tar -C "$root/tmp" -xf "$1"
		in_root sh -c "make -C /tmp/outrigger-* deb"
		cp "$root"/tmp/outrigger-*/build/outrigger* "$2"
	' "$source" "$dir.new" || { tail -n 15 "$log" >&2; die "$1: no packages: $log"; }
	mv -T "$dir.new" "$dir"
	# shellcheck disable=SC2012
	ls -dt "$dir"/../*/ | tail -n +4 | xargs -r rm -rf
}
