package main

import (
	"bytes"
	"errors"

	"github.com/google/tink/go/insecurecleartextkeyset"
	"github.com/google/tink/go/keyset"
	tinkpb "github.com/google/tink/go/proto/tink_go_proto"
)

// newKeyset makes a keyset with one fresh key of t, without output prefix.
func newKeyset(t keyType) (*keyset.Handle, error) {
	template := t.template()
	template.OutputPrefixType = tinkpb.OutputPrefixType_RAW
	return keyset.NewHandle(template)
}

func serialize(h *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b))
	return b.Bytes(), err
}

var errNoPrimary = errors.New("the keyset has no primary key")

// parsePrimary reads a keyset and leaves its primary key alone in it: Signet may
// keep an HMAC key beside it, and the old library makes no primitive of a keyset
// with keys of two kinds.
func parsePrimary(serialized []byte) (*keyset.Handle, error) {
	ks, err := keyset.NewBinaryReader(bytes.NewReader(serialized)).Read()
	if err != nil {
		return nil, err
	}
	for _, k := range ks.GetKey() {
		if k.GetKeyId() == ks.GetPrimaryKeyId() {
			ks.Key = []*tinkpb.Keyset_Key{k}
			return insecurecleartextkeyset.KeysetHandle(ks), nil
		}
	}
	return nil, errNoPrimary
}
