# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by tests/style, tests/docs, tests/ctl and tests/harness at the top of the tree:
# the list of files, and functions to run checks and to report their results.
passed=0 failed=0 skipped=0

# The files of the project: those that git tracks or would track; without git, all files.
mapfile -t files < <(git ls-files --cached --others --exclude-standard 2>/dev/null |
	while read -r f; do [ ! -f "$f" ] || echo "$f"; done)
if [ ${#files[@]} = 0 ]; then
	mapfile -t files < <(find . -path ./build -prune -o -type f -printf '%P\n')
fi

check()	# WHAT COMMAND...: passes if COMMAND succeeds without output
{
	local what=$1 out

	shift
	if out=$("$@" 2>&1) && [ ! "$out" ]; then
		passed=$((passed + 1))
		echo "ok: $what"
	else
		failed=$((failed + 1))
		printf '%s\nFAILED: %s\n' "$out" "$what"
	fi
}

skip()	# WHAT WHY
{
	skipped=$((skipped + 1))
	echo "skipped: $1: $2"
}

sum()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
