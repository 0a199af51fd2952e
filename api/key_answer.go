package api

import (
	"strconv"
	"time"

	"github.com/signet-kms/signet/kms"
)

// keyAnswer is a key in the form of wire.KeyData, written by hand: every rotation
// and every read answers with one, and by reflection over its map of versions
// that took as long as making the key.
type keyAnswer struct{ kms.KeyInfo }

func describeKey(k kms.KeyInfo, err error) (keyAnswer, error) { return keyAnswer{k}, err }

func (k keyAnswer) space() int {
	each := 24 // a number and its creation time
	if k.Type.Asymmetric() {
		each = 256
		if len(k.Versions) > 0 {
			each += 2 * len(k.Versions[0].Public)
		}
	}
	return 512 + len(k.Name) + each*len(k.Versions)
}

func (k keyAnswer) appendData(b []byte) []byte {
	b = appendQuoted(append(b, `{"name":`...), k.Name)
	b = appendQuoted(append(b, `,"type":`...), string(k.Type))
	b = append(b, `,"keys":{`...)
	for i, v := range k.Versions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(strconv.AppendUint(b, uint64(v.Number), 10), `":`...)
		created := time.Unix(0, v.Created).UTC()
		if !k.Type.Asymmetric() {
			b = strconv.AppendInt(b, created.Unix(), 10)
			continue
		}
		b = appendQuoted(append(b, `{"name":`...), versionName(string(k.Type)))
		b = appendQuoted(append(b, `,"public_key":`...), publicText(string(k.Type), v.Public))
		b = append(b, `,"certificate_chain":"","creation_time":"`...)
		b = created.AppendFormat(b, time.RFC3339Nano)
		b = appendQuoted(append(b, `","kid":`...), v.KID)
		b = appendQuoted(append(b, `,"state":`...), string(v.State))
		b = append(b, '}')
	}
	b = append(b, '}')
	for _, n := range []struct {
		name  string
		value int64
	}{
		{`,"latest_version":`, int64(k.Latest)}, {`,"min_available_version":`, int64(k.MinAvailable)},
		{`,"min_decryption_version":`, int64(k.MinDecryption)}, {`,"min_encryption_version":`, int64(k.MinEncryption)},
		{`,"auto_rotate_period":`, k.AutoRotate},
	} {
		b = strconv.AppendInt(append(b, n.name...), n.value, 10)
	}
	b = strconv.AppendBool(append(b, `,"deletion_allowed":`...), k.DeletionAllowed)
	b = append(b, `,"derived":false,"exportable":false,"allow_plaintext_backup":false,"imported_key":`...)
	b = strconv.AppendBool(b, k.Imported)
	if k.Imported {
		b = strconv.AppendBool(append(b, `,"imported_key_allow_rotation":`...), k.ImportRotation)
	}
	b = strconv.AppendBool(append(b, `,"supports_encryption":`...), k.Type.Encrypts())
	b = strconv.AppendBool(append(b, `,"supports_decryption":`...), k.Type.Encrypts())
	b = strconv.AppendBool(append(b, `,"supports_signing":`...), k.Type.Signs())
	b = append(b, `,"supports_derivation":false`...)
	if k.KeySize != 0 {
		b = strconv.AppendUint(append(b, `,"key_size":`...), uint64(k.KeySize), 10)
	}
	if k.Lead != 0 {
		b = strconv.AppendInt(append(b, `,"rotation_lead_time":`...), k.Lead, 10)
	}
	if k.Issuer != "" {
		b = appendQuoted(append(b, `,"issuer":`...), k.Issuer)
	}
	first := true
	for i, v := range k.Versions {
		said := k.SymmetricState(i)
		if said == "" {
			continue
		}
		if first {
			b, first = append(b, `,"version_states":{`...), false
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, '"'), uint64(v.Number), 10)
		b = appendQuoted(append(b, `":`...), said)
	}
	if !first {
		b = append(b, '}')
	}
	return append(b, '}')
}
