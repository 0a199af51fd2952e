# Functions that the scripts of this folder share. Sourced, never run; it works
# in bash 3.2 too, which is what macOS has.
# shellcheck shell=bash

# The checkout this file lies in, whatever the current directory is.
unset CDPATH
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export GOWORK=off # a go.work above the checkout must not change what is built

# The version that .ci/run installs.
# shellcheck disable=SC2034 # the scripts that source this use it
staticcheck_version=v0.8.2

# say prints its arguments, one a line.
say() { printf '%s\n' "$@"; }

# fail prints what is wrong, then a hint a line, and ends the script.
fail() {
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	shift
	local hint
	for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
	exit 1
}

# misuse is fail for a wrong command line.
misuse() {
	printf '%s: %s\nhint: see %s --help\n' "${0##*/}" "$1" "$0" >&2
	exit 2
}

# older reports that Go version $1 is older than $2, both as in 1.26.0 or 1.26rc1.
older() {
	local have=${1%%[a-z]*} want=${2%%[a-z]*} i h w
	for i in 1 2 3; do
		h=$(printf '%s..' "$have" | cut -d. -f"$i") w=$(printf '%s..' "$want" | cut -d. -f"$i")
		((10#${h:-0} == 10#${w:-0})) || { ((10#${h:-0} < 10#${w:-0})) && return 0 || return 1; }
	done
	return 1
}

# need_go ends the script unless Go is there and new enough, or can fetch the
# version that go.mod asks for.
need_go() {
	local want have
	want=$(sed -n 's/^go \([0-9][0-9a-z.]*\).*/\1/p' "$root/go.mod")
	command -v go >/dev/null || fail "Go is not installed, or not in PATH" "Signet needs Go $want or newer: https://go.dev/dl/"
	# Outside of the module and without switching, so that an old Go answers too.
	have=$(cd / && GOTOOLCHAIN=local go version 2>/dev/null | sed -n 's/.* go\([0-9][0-9a-z.]*\).*/\1/p') || true
	[[ -n $have ]] || fail "'go version' does not work: $(cd / && go version 2>&1 | head -n 1)"
	older "$have" "$want" || return 0
	if ! older "$have" 1.21 && [[ $(cd / && go env GOTOOLCHAIN) != local ]]; then
		say "Go $have is older than Go $want, which it fetches by itself, once." >&2
		return 0
	fi
	fail "Go $have is too old: Signet needs Go $want or newer" "this one is $(command -v go); the newest is at https://go.dev/dl/"
}

# build LOG ARGUMENTS… runs go build in the checkout without cgo, and puts what Go
# says into LOG. Version control that refuses to describe the checkout, which
# belongs to another user perhaps, does not stop a build.
build() {
	local log=$1
	shift
	CGO_ENABLED=0 go build -C "$root" "$@" >"$log" 2>&1 && return 0
	grep -q 'error obtaining VCS status' "$log" || return 1
	CGO_ENABLED=0 go build -C "$root" -buildvcs=false "$@" >"$log" 2>&1
}

# scratch makes a private temporary directory and puts its name into $dir. What an
# interrupted go command leaves behind goes with it.
scratch() {
	local under=${TMPDIR:-/tmp}
	dir=$(umask 077 && mktemp -d "${under%/}/$1.XXXXXX") ||
		fail "no temporary directory in $under" "set TMPDIR to a directory that you may write to"
	dir=$(cd -- "$dir" && pwd) # absolute, whatever TMPDIR is
	export GOTMPDIR=$dir
}
