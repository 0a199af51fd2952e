package api

import (
	"encoding/base64"
	"encoding/pem"
	"strconv"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func createKey(rq *request, in *wire.KeyCreateRequest) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.CreateKey(ctx, rq.call, rq.key(), kms.CreateKeyRequest{
		Type: in.Type, Derived: in.Derived.Value, Convergent: in.ConvergentEncryption.Value, Exportable: in.Exportable.Value,
		Backup: in.AllowPlaintextBackup.Value, AutoRotate: in.AutoRotatePeriod.Value, KeySize: int(in.KeySize.Value),
	}))
}

func readKey(rq *request, _ *nothing) (*wire.KeyData, error) {
	return keyData(rq.s.kms.ReadKey(rq.call, rq.key()))
}

func listKeys(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListKeys(rq.call, rq.vars["mount"])
	return &wire.Keys{Keys: names}, err
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
	return keyData(rq.s.kms.ConfigKey(ctx, rq.call, rq.key(), req))
}

func rotateKey(rq *request, _ *struct{}) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.RotateKey(ctx, rq.call, rq.key()))
}

func deleteKey(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteKey(ctx, rq.call, rq.key())
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
		KeySize: int(k.KeySize),
	}
	for _, v := range k.Versions {
		out := wire.KeyVersion{CreationTime: time.Unix(0, v.Created).UTC(), KID: v.KID, State: string(v.State)}
		if k.Type.Asymmetric() {
			out.Name, out.PublicKey = versionName(string(k.Type)), publicText(string(k.Type), v.Public)
		}
		d.Keys[strconv.Itoa(int(v.Number))] = out
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
