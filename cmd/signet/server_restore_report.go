package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/kms"
)

// revivalReport is what a restore into an empty directory prints.
type revivalReport struct {
	Restored   bool               `json:"restored"`
	DryRun     bool               `json:"dry_run"`
	Backup     restoreBackup      `json:"backup"`
	Opens      restoreShares      `json:"opens_with"`
	Given      []int              `json:"shares_given"` // the good ones, by number
	Tombstones *restoreTombstones `json:"tombstones,omitzero"`
	Accepted   bool               `json:"resurrection_accepted"`
	Changes    any                `json:"changes,omitzero"` // nil: it was not opened
	New        *restoredCluster   `json:"cluster,omitzero"`

	table []row // of Changes
}

type restoreBackup struct {
	ClusterID    string    `json:"cluster_id"`
	ClusterEpoch uint64    `json:"cluster_epoch"`
	Generation   uint64    `json:"generation"`
	Index        uint64    `json:"index"`
	Time         time.Time `json:"time"`
	Made         time.Time `json:"made"`
	Node         string    `json:"node"`
	Software     string    `json:"software"`
	SHA256       string    `json:"sha256"`
}

type restoreShares struct {
	Generation  uint32   `json:"share_generation"`
	Shares      int      `json:"shares"`
	Threshold   int      `json:"threshold"`
	Commitments []string `json:"commitments"` // the first 8 hex digits of each share's, by its number
	WrappedBy   []string `json:"wrapped_by"`
}

type restoreTombstones struct {
	Index        uint64    `json:"index"`
	Time         time.Time `json:"time"`
	Node         string    `json:"node"`
	After        string    `json:"after_backup"`
	Destroyed    int       `json:"destroyed_keys"`
	Versions     int       `json:"ended_versions"`
	Applications int       `json:"blocked_applications"`
	Revocations  int       `json:"revocations"`
}

type restoredCluster struct {
	NodeID     string        `json:"node_id"`
	Epoch      uint64        `json:"cluster_epoch"`
	Generation uint64        `json:"generation"`
	Index      uint64        `json:"index"`
	Term       uint64        `json:"term"`
	RootToken  client.Secret `json:"root_token"`
}

func revivalTable(r *revivalReport) func(io.Writer) error {
	b, s := r.Backup, r.Opens
	rows := []row{
		{"backup of", "cluster " + b.ClusterID}, {"made", b.Made}, {"state as of", fmt.Sprintf("%s, index %d, by %s, version %s", b.Time.Format(time.RFC3339), b.Index, b.Node, b.Software)},
		{"cluster epoch", b.ClusterEpoch}, {"restore generation", b.Generation}, {"sha256", b.SHA256},
		{"opens with", fmt.Sprintf("%d of %d shares of share generation %d", s.Threshold, s.Shares, s.Generation)},
	}
	for i, commitment := range s.Commitments {
		if i == shownShares {
			rows = append(rows, row{"", "…"})
			break
		}
		rows = append(rows, row{fmt.Sprintf("share %d", i+1), "commitment " + commitment + "…"})
	}
	for _, w := range s.WrappedBy {
		rows = append(rows, row{"or with", w})
	}
	if len(r.Given) > 0 {
		rows = append(rows, row{"given", "good shares " + strings.Trim(fmt.Sprint(r.Given), "[]")})
	}
	switch {
	case r.Tombstones != nil:
		t := r.Tombstones
		rows = append(rows, row{"tombstones", fmt.Sprintf("state as of %s, index %d: its last change is %s after that of the backup; of what happened later nothing is known", t.Time.Format(time.RFC3339), t.Index, t.After)})
	case r.Accepted:
		rows = append(rows, row{"tombstones", "none: it was accepted that what was destroyed, revoked or blocked since the backup comes back"})
	default:
		rows = append(rows, row{"tombstones", "none: to restore, give --tombstones FILE or --accept-resurrection"})
	}
	rows = append(rows, r.table...)
	if n := r.New; n != nil {
		rows = append(rows, row{"node", n.NodeID}, row{"cluster epoch", n.Epoch}, row{"restore generation", n.Generation}, row{"index", n.Index}, row{"root token", n.RootToken.Reveal()})
	}
	return columns(rows...)
}

// shownShares is how many shares a table lists.
const shownShares = 16

// changeRows says what a restore changes. What it does not touch is left out.
func changeRows(c *kms.Changes) []row {
	rows := []row{{"disabled", fmt.Sprintf("%d versions of %d keys, until each is enabled%s", c.Suspended, c.Keys, names(c.Names, c.Keys))}}
	for _, of := range []struct {
		n     int
		label string
		text  string
	}{
		{c.Kept, "suspended", "versions that were suspended before"},
		{c.Cancelled, "erased", "versions that were pending"},
		{c.Marked, "spent", "versions that decrypt, when enabled, and encrypt no more: how often they did is not known; rotate their keys"},
		{c.Tokens, "revoked", "auth tokens"},
		{c.SecretIDs, "revoked", "secret ids"},
		{c.JoinTokens, "revoked", "join tokens"},
		{c.Roles, "closed", "roles that took logins without a secret id; they ask for one now"},
		{c.Destroyed, "kept dead", "destroyed keys" + names(c.DestroyedKeys, c.Destroyed)},
		{c.Ended, "kept dead", "versions" + names(c.EndedKeys, len(c.EndedKeys))},
		{c.Blocked, "kept blocked", "applications"},
		{c.Issued, "kept revoked", "tokens of issuers, and cut-offs"},
		{c.Lost, "lost", "keys made since the backup" + names(c.LostKeys, c.Lost)},
		{c.LostVersions, "lost", "versions made since the backup"},
	} {
		if of.n > 0 {
			rows = append(rows, row{of.label, fmt.Sprintf("%d %s", of.n, of.text)})
		}
	}
	return rows
}

// shownNames is how many names a line of a table has.
const shownNames = 10

func names(list []string, all int) string {
	if len(list) == 0 {
		return ""
	}
	shown := list[:min(len(list), shownNames)]
	text := ": " + strings.Join(shown, ", ")
	if all > len(shown) {
		text += fmt.Sprintf(" and %d more", all-len(shown))
	}
	return text
}
