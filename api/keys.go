package api

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func createKey(rq *request, in *wire.KeyCreateRequest) (keyAnswer, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return describeKey(rq.s.kms.CreateKey(ctx, rq.call, rq.key(), kms.CreateKeyRequest{
		Type: in.Type, Derived: in.Derived.Value, Convergent: in.ConvergentEncryption.Value, Exportable: in.Exportable.Value,
		Backup: in.AllowPlaintextBackup.Value, AutoRotate: in.AutoRotatePeriod.Value, KeySize: int(in.KeySize.Value),
	}))
}

func readKey(rq *request, _ *nothing) (keyAnswer, error) {
	r, err := rq.versions()
	if err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return keyAnswer{}, err
	}
	return describeKey(rq.s.kms.ReadKey(rq.call, rq.key(), r))
}

// versions reads which versions the query asks for: ?version=3, or ?after=2 and
// ?limit=50. Other parameters are ignored, as Vault's clients expect.
func (rq *request) versions() (r kms.VersionRange, err error) {
	if rq.r.URL.RawQuery == "" {
		return r, nil
	}
	q := rq.r.URL.Query()
	number := func(name string, least int64) int64 {
		text := q.Get(name)
		if text == "" || err != nil {
			return 0
		}
		n, bad := strconv.ParseInt(text, 10, 32)
		if bad != nil || n < least {
			err = refuse(http.StatusBadRequest, wire.BadRequest, name+" is not a number from "+strconv.FormatInt(least, 10)+" on")
		}
		return n
	}
	r.Only, r.Limit = uint32(number("version", 1)), int(number("limit", 1))
	if after := uint32(number("after", 0)); q.Has("after") {
		r.After = &after
	}
	return r, err
}

// listKeys lists the keys in use; with ?deleted=true those that are deleted and
// not destroyed yet.
func listKeys(rq *request, _ *nothing) (any, error) {
	if rq.r.URL.RawQuery == "" || rq.r.URL.Query().Get("deleted") != "true" {
		names, err := rq.s.kms.ListKeys(rq.call, rq.vars.get("mount"))
		return &wire.Keys{Keys: names}, err
	}
	keys, err := rq.s.kms.DeletedKeys(rq.call, rq.vars.get("mount"))
	if err != nil {
		return nil, err
	}
	out := &wire.DeletedKeys{KeyInfo: make(map[string]wire.DeletedKey, len(keys))}
	for _, k := range keys {
		out.Keys = append(out.Keys, k.Name)
		out.KeyInfo[k.Name] = wire.DeletedKey{DeletionTime: time.Unix(0, k.Deleted).UTC(), DestroyTime: time.Unix(0, k.DestroyAt).UTC()}
	}
	return out, nil
}

func undeleteKey(rq *request, _ *struct{}) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.UndeleteKey(ctx, rq.call, rq.key()))
}

func trimKey(rq *request, in *wire.KeyTrimRequest) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.TrimKey(ctx, rq.call, rq.key(), in.MinAvailableVersion.Value))
}

func configKey(rq *request, in *wire.KeyConfigRequest) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	req := kms.ConfigKeyRequest{Exportable: in.Exportable.Value, Backup: in.AllowPlaintextBackup.Value}
	if in.MinDecryptionVersion.Set {
		req.MinDecryption = &in.MinDecryptionVersion.Value
	}
	if in.MinEncryptionVersion.Set {
		req.MinEncryption = &in.MinEncryptionVersion.Value
	}
	if in.DeletionAllowed.Set {
		req.DeletionAllowed = &in.DeletionAllowed.Value
	}
	if in.AutoRotatePeriod.Set {
		req.AutoRotate = &in.AutoRotatePeriod.Value
	}
	if in.RotationLeadTime.Set {
		req.Lead = &in.RotationLeadTime.Value
	}
	return keyData(rq.s.kms.ConfigKey(ctx, rq.call, rq.key(), req))
}

func rotateKey(rq *request, _ *struct{}) (keyAnswer, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return describeKey(rq.s.kms.RotateKey(ctx, rq.call, rq.key()))
}

func deleteKey(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	grace, err := rq.grace()
	if err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nothing{}, err
	}
	return nothing{}, rq.s.kms.DeleteKey(ctx, rq.call, rq.key(), grace)
}

// grace reads ?grace=, seconds or a duration such as 24h; nil if it is not given.
func (rq *request) grace() (*time.Duration, error) {
	q, err := url.ParseQuery(rq.r.URL.RawQuery)
	if err == nil && !q.Has("grace") {
		return nil, nil
	}
	d, bad := wire.ParseDuration(q.Get("grace"))
	// A query that does not parse, or names two, may have meant another one.
	if err != nil || bad != nil || len(q["grace"]) > 1 {
		return nil, refuse(http.StatusBadRequest, wire.BadRequest, "grace is not one duration; write ?grace= once, with seconds or 24h or 30d")
	}
	return &d, nil
}

func export(rq *request, _ *nothing) (nothing, error) {
	return nothing{}, rq.s.kms.ExportKey(rq.call, rq.key())
}

// keyData is a key in the words of Vault's wire.
func keyData(k kms.KeyInfo, err error) (*wire.KeyData, error) {
	if err != nil {
		return nil, err
	}
	d := &wire.KeyData{
		Name: k.Name, Type: string(k.Type), Keys: make(wire.KeyVersions, len(k.Versions)),
		LatestVersion: int(k.Latest), MinAvailableVersion: int(k.MinAvailable),
		MinDecryptionVersion: int(k.MinDecryption), MinEncryptionVersion: int(k.MinEncryption),
		AutoRotatePeriod: k.AutoRotate, DeletionAllowed: k.DeletionAllowed,
		SupportsEncryption: k.Type.Encrypts(), SupportsDecryption: k.Type.Encrypts(), SupportsSigning: k.Type.Signs(),
		ImportedKey: k.Imported, KeySize: int(k.KeySize), Issuer: k.Issuer, RotationLeadTime: k.Lead,
	}
	if k.Imported {
		d.ImportedKeyRotates = wire.BoolOf(k.ImportRotation)
	}
	for i, v := range k.Versions {
		out := wire.KeyVersion{CreationTime: time.Unix(0, v.Created).UTC(), KID: v.KID, State: string(v.State)}
		if k.Type.Asymmetric() {
			out.Name, out.PublicKey = versionName(string(k.Type)), publicText(string(k.Type), v.Public)
		}
		d.Keys[strconv.Itoa(int(v.Number))] = out
		if said := k.SymmetricState(i); said != "" {
			if d.VersionStates == nil {
				d.VersionStates = map[string]string{}
			}
			d.VersionStates[strconv.Itoa(int(v.Number))] = said
		}
	}
	return d, nil
}

func versionName(typ string) string {
	switch typ {
	case wire.KeyECDSAP256:
		return "P-256"
	case wire.KeyECDSAP384:
		return "P-384"
	case wire.KeyECDSAP521:
		return "P-521"
	}
	return typ
}

// publicText is a public key as Vault writes it: SPKI in PEM, but ed25519 as its
// bare 32 bytes, which are the last of its SPKI (RFC 8410, section 4).
func publicText(typ string, spki []byte) string {
	if typ == wire.KeyEd25519 && len(spki) > 32 {
		return base64.StdEncoding.EncodeToString(spki[len(spki)-32:])
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
}
