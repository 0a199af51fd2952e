package main

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-kms/signet/client/wire"
)

func keyTable(key wire.KeyData) func(io.Writer) error {
	return func(w io.Writer) error {
		rows := []row{
			{"name", key.Name},
			{"type", key.Type},
			{"latest version", key.LatestVersion},
			{"min available version", key.MinAvailableVersion},
			{"min decryption version", key.MinDecryptionVersion},
			{"min encryption version", key.MinEncryptionVersion},
			{"rotates itself every", seconds(key.AutoRotatePeriod, "never")},
			{"a new version waits", seconds(key.RotationLeadTime, "no, it signs at once")},
			{"deletion allowed", key.DeletionAllowed},
			{"can", strings.Join(abilities(key), ", ")},
		}
		if key.Issuer != "" {
			rows[len(rows)-1] = row{"serves", "the issuer " + key.Issuer + ", and nothing else"}
		}
		if key.KeySize != 0 {
			rows = append(rows, row{"key size", strconv.Itoa(key.KeySize) + " bytes"})
		}
		if key.ImportedKey {
			rows = append(rows, row{"imported", map[bool]string{true: "yes, and may rotate", false: "yes, and so are its next versions"}[key.ImportedKeyRotates.Value]})
		}
		err := columns(rows...)(w)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		return columns(versionRows(key)...)(w)
	}
}

func abilities(key wire.KeyData) (out []string) {
	for _, a := range []struct {
		has  bool
		name string
	}{{key.SupportsSigning, "sign, verify"}, {key.SupportsEncryption, "encrypt"}, {key.SupportsDecryption, "decrypt, rewrap"}, {true, "hmac"}} {
		if a.has {
			out = append(out, a.name)
		}
	}
	return out
}

func versionRows(key wire.KeyData) []row {
	rows := []row{{"VERSION", "CREATED", "STATE", "KID"}}
	names := slices.SortedFunc(maps.Keys(key.Keys), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // decimal numbers: the longer is greater
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		v := key.Keys[name]
		if v.State == "" { // a symmetric one: those that are active are not named
			v.State = cmp.Or(key.VersionStates[name], wire.StateActive)
		}
		rows = append(rows, row{name, v.CreationTime, v.State, v.KID})
	}
	return rows
}
