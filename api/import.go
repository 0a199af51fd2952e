package api

import (
	"encoding/pem"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func wrappingKey(rq *request, _ *nothing) (*wire.WrappingKey, error) {
	ctx, cancel := rq.context()
	defer cancel()
	v, err := rq.s.kms.WrappingKey(ctx, rq.call, rq.vars.get("mount"))
	if err != nil {
		return nil, err
	}
	return &wire.WrappingKey{PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: v.Public}))}, nil
}

func importKey(rq *request, in *wire.KeyImportRequest) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.ImportKey(ctx, rq.call, rq.key(), kms.ImportKeyRequest{
		KeyImport: keyImport(&in.KeyImport), Type: in.Type, AllowRotation: in.AllowRotation.Value, PublicKey: in.PublicKey.Value != "",
		Derived: in.Derived.Value, Exportable: in.Exportable.Value, Backup: in.AllowPlaintextBackup.Value, AutoRotate: in.AutoRotatePeriod.Value,
	}))
}

func importKeyVersion(rq *request, in *wire.KeyImportVersionRequest) (*wire.KeyData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.ImportKeyVersion(ctx, rq.call, rq.key(), kms.ImportVersionRequest{
		KeyImport: keyImport(&in.KeyImport), PublicKey: in.PublicKey.Value != "", Version: in.Version.Set,
	}))
}

func keyImport(in *wire.KeyImport) kms.KeyImport {
	return kms.KeyImport{Ciphertext: fieldOf(in.Ciphertext), Hash: in.HashFunction.Value}
}

// issuerImport is the key that a request brings for an issuer; nil for none.
func issuerImport(in *wire.IssuerImport) *kms.KeyImport {
	if in == nil {
		return nil
	}
	return &kms.KeyImport{Ciphertext: fieldOf(in.Ciphertext), Hash: in.HashFunction.Value, KID: in.KID.Value}
}
