# What a cluster does, shown and checked: the part of scripts/cluster that --once runs.
# Sourced by it, never run.
# shellcheck shell=bash disable=SC2154 # dir, key and nodes are set by scripts/cluster

step 'Sign on n1, verify on n3'
at n1 key create "$key" --type ecdsa-p256 >/dev/null || fail 'the key was not created'
echo hello >"$dir/hello"
at n1 sign "$key" "$dir/hello" >"$dir/hello.sig" || fail 'n1 does not sign'
verdict=$(at n3 verify "$key" --signature "$(<"$dir/hello.sig")" "$dir/hello") || fail 'n3 does not verify what n1 signed'
detail "n1: $(<"$dir/hello.sig")" "n3: $verdict"
echo other >"$dir/other"
! at n3 verify "$key" --signature "$(<"$dir/hello.sig")" "$dir/other" >/dev/null 2>&1 || fail 'N3 ACCEPTS ANOTHER INPUT'
detail 'n3 refuses the same signature on another input, as it must'

step 'A revoked token is good on no node'
at n2 token create --policy default -o json >"$dir/made" || fail 'n2 makes no token'
revoked=$(sed -n 's/.*"client_token": "\(.*\)".*/\1/p' "$dir/made")
SIGNET_TOKEN=$revoked at n3 token lookup >/dev/null || fail 'n3 does not know a token that n2 made'
accessor=$(sed -n 's/.*"accessor": "\(.*\)".*/\1/p' "$dir/made")
at n2 token revoke --accessor "$accessor" >/dev/null || fail 'n2 does not revoke'
for node in $nodes; do
	! SIGNET_TOKEN=$revoked at "$node" token lookup >/dev/null 2>&1 || fail "$node ACCEPTS A REVOKED TOKEN"
done
rm -f -- "$dir/made"
detail 'made and revoked on n2, refused by n1, n2 and n3'

first=$(leader n1)
step "Kill $first, which leads"
kill -9 "$(pid_of "$first")"
others=${nodes/$first/}
# shellcheck disable=SC2086 # one node a word
set -- $others
at "$1" sign "$key" "$dir/hello" >/dev/null || fail "$1 does not sign without $first"
detail "$1 signs"
serving "$1"
at "$2" key create after --type ed25519 >/dev/null || fail "$2 does not write without $first"
detail "$2 writes, and $(leader "$2") leads"

step "Start $first again"
launch "$first"
open "$first"
serving "$first"
at "$first" key read after >/dev/null || fail "$first has not what was written without it"
detail "$first is unsealed, and has what was written without it"

gone=$2
step "Remove $gone, for good"
at "$1" operator raft remove "$gone" >/dev/null || fail "$gone was not removed"
! at "$gone" key read after >/dev/null 2>&1 || fail "$gone SERVES AND WAS REMOVED"
detail "$gone serves nothing any more"

step 'Let a fourth node join'
token "$1" n4
launch n4
open n4
serving n4
at n4 operator raft transfer n4 >/dev/null || fail 'n4 was not given the lead'
[[ $(leader n4) == n4 ]] || fail 'n4 does not lead'
verdict=$(at n4 verify "$key" --signature "$(<"$dir/hello.sig")" "$dir/hello") || fail 'n4 does not verify'
detail "n4 joined, was given the lead, and verifies what n1 signed: $verdict"
at n4 operator raft list | while IFS= read -r line; do detail "$line"; done

say '' 'Done. The nodes are stopped, and nothing is left of them.'
