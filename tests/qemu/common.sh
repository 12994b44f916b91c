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
