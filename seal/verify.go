package seal

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// ShareInfo says which share a text is, and nothing of its value.
type ShareInfo struct {
	Index      int    // from 1
	Generation uint32 // from 1
}

// Check tells whether text is one of this record's shares, without unsealing
// and without counting it. White space around it, either case of hex, and base64
// are accepted. Errors: the ErrShare sentinels but ErrShareRepeated; ErrRecord.
func (r *Record) Check(text string) (ShareInfo, error) {
	raw, err := r.verify(text)
	if err != nil {
		return ShareInfo{}, err
	}
	defer clear(raw[:])
	return ShareInfo{Index: int(raw[offIndex]), Generation: r.Generation}, nil
}

// verify judges from the outside in, so that each mistake gets the name of what
// the holder can do about it: first the text, then the checksum (before anything
// that it protects is believed), then whose share it is, then the commitment,
// which alone decides. The caller overwrites what it returns.
func (r *Record) verify(text string) (*shareBytes, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	raw, err := decodeShare(text)
	if err != nil {
		return nil, err
	}
	if err := r.judge(raw); err != nil {
		clear(raw[:])
		return nil, err
	}
	return raw, nil
}

func (r *Record) judge(raw *shareBytes) error {
	index := int(raw[offIndex])
	plausible := index >= 1 && index <= r.Shares
	if subtle.ConstantTimeCompare(checksum(raw), raw[offSum:]) != 1 {
		if plausible {
			return fmt.Errorf("%w (it calls itself share %d)", ErrShareDamaged, index)
		}
		return ErrShareDamaged
	}
	if raw[0] != shareVersion {
		return fmt.Errorf("%w (share version %d, this release reads %d)", ErrShareVersion, raw[0], shareVersion)
	}
	if want := clusterTag(r.ClusterID); !bytes.Equal(raw[offTag:offGeneration], want) {
		return fmt.Errorf("%w (its cluster tag is %x, this cluster's is %x)", ErrShareForeign, raw[offTag:offGeneration], want)
	}
	if g := binary.BigEndian.Uint32(raw[offGeneration:]); g != r.Generation {
		return fmt.Errorf("%w (share %d is of generation %d, wanted is %d)", ErrShareGeneration, index, g, r.Generation)
	}
	if !plausible {
		return fmt.Errorf("%w (share %d, there are %d)", ErrShareIndex, index, r.Shares)
	}
	got := commitment(r.ClusterID, r.Generation, index, raw[offValue:offSum])
	if subtle.ConstantTimeCompare(got, r.Commitments[index-1]) != 1 {
		return fmt.Errorf("%w (it calls itself share %d)", ErrShareWrong, index)
	}
	return nil
}
