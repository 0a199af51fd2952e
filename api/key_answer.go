package api

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/signet-kms/signet/client/wire"
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
	encrypts := k.Type.Encrypts()
	b = appendQuoted(append(b, `{"name":`...), k.Name)
	b = appendQuoted(append(b, `,"type":`...), string(k.Type))
	b, said := k.appendVersions(append(b, `,"keys":{`...))
	b = strconv.AppendUint(append(b, `},"latest_version":`...), uint64(k.Latest), 10)
	b = strconv.AppendUint(append(b, `,"min_available_version":`...), uint64(k.MinAvailable), 10)
	b = strconv.AppendUint(append(b, `,"min_decryption_version":`...), uint64(k.MinDecryption), 10)
	b = strconv.AppendUint(append(b, `,"min_encryption_version":`...), uint64(k.MinEncryption), 10)
	b = strconv.AppendInt(append(b, `,"auto_rotate_period":`...), k.AutoRotate, 10)
	b = strconv.AppendBool(append(b, `,"deletion_allowed":`...), k.DeletionAllowed)
	b = append(b, `,"derived":false,"exportable":false,"allow_plaintext_backup":false,"imported_key":`...)
	b = strconv.AppendBool(b, k.Imported)
	if k.Imported {
		b = strconv.AppendBool(append(b, `,"imported_key_allow_rotation":`...), k.ImportRotation)
	}
	b = strconv.AppendBool(append(b, `,"supports_encryption":`...), encrypts)
	b = strconv.AppendBool(append(b, `,"supports_decryption":`...), encrypts)
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
	if said {
		b = k.appendStates(b)
	}
	return append(b, '}')
}

// appendVersions appends the members of "keys". said: of a symmetric key there is
// something to be said beside them, which most keys are spared to be asked for.
func (k keyAnswer) appendVersions(b []byte) (_ []byte, said bool) {
	asymmetric, name := k.Type.Asymmetric(), ""
	if asymmetric {
		name = versionName(string(k.Type))
	}
	for i, v := range k.Versions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(strconv.AppendUint(b, uint64(v.Number), 10), `":`...)
		if !asymmetric {
			b = strconv.AppendInt(b, time.Unix(0, v.Created).Unix(), 10)
			said = said || k.SymmetricState(i) != ""
			continue
		}
		b = appendQuoted(append(b, `{"name":`...), name)
		b = appendPublic(append(b, `,"public_key":`...), string(k.Type), v.Public)
		b = append(b, `,"certificate_chain":"","creation_time":"`...)
		b = time.Unix(0, v.Created).UTC().AppendFormat(b, time.RFC3339Nano)
		b = appendQuoted(append(b, `","kid":`...), v.KID)
		b = appendQuoted(append(b, `,"state":`...), string(v.State))
		b = append(b, '}')
	}
	return b, said
}

func (k keyAnswer) appendStates(b []byte) []byte {
	b = append(b, `,"version_states":{`...)
	first := true
	for i, v := range k.Versions {
		said := k.SymmetricState(i)
		if said == "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = strconv.AppendUint(append(b, '"'), uint64(v.Number), 10)
		b = appendQuoted(append(b, `":`...), said)
	}
	return append(b, '}')
}

// appendPublic is publicText, as a JSON text.
func appendPublic(b []byte, typ string, spki []byte) []byte {
	b = append(b, '"')
	if typ == wire.KeyEd25519 && len(spki) > 32 {
		b = base64.StdEncoding.AppendEncode(b, spki[len(spki)-32:])
		return append(b, '"')
	}
	const line = 48 // bytes, which are 64 characters (RFC 7468, section 2)
	b = append(b, `-----BEGIN PUBLIC KEY-----\n`...)
	for ; len(spki) > 0; spki = spki[min(line, len(spki)):] {
		b = base64.StdEncoding.AppendEncode(b, spki[:min(line, len(spki))])
		b = append(b, `\n`...)
	}
	return append(b, `-----END PUBLIC KEY-----\n"`...)
}
