package kms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// A join token is never sent to the cluster: the node that joins does not know yet whom
// it asks, and the API's certificate says nothing of the cluster. Both sides have the
// token's joinHash instead, and show it with an HMAC (RFC 2104) with SHA-256: the node
// over all of its request, which names its key, the cluster over that and its answer.
// Whoever stands in between can pass both on or drop them, and that is all.

// proof is what shows that a request to join was made with the token whose joinHash is
// key.
func (r *AdmitRequest) proof(key []byte) []byte {
	return joinMAC(key, append([]string{"signet join request v1"}, r.said()...))
}

// said is all of the request but its proof.
func (r *AdmitRequest) said() []string {
	level := binary.BigEndian.AppendUint64(nil, r.Level)
	return []string{r.TokenID, r.NodeID, r.Incarnation, string(r.CSR), r.Address, r.APIAddress, string(level)}
}

// proof is what shows that the answer to a request was made by a cluster that knows the
// token.
func (a *AdmitResponse) proof(key []byte, to *AdmitRequest) []byte {
	return joinMAC(key, append([]string{"signet join answer v1", string(a.Certificate), string(a.Roster)}, to.said()...))
}

// joinMAC is the HMAC of parts, each behind its length as an unsigned varint.
func joinMAC(key []byte, parts []string) []byte {
	m := hmac.New(sha256.New, key)
	var text strings.Builder
	for _, p := range parts {
		text.Write(binary.AppendUvarint(nil, uint64(len(p))))
		text.WriteString(p)
	}
	m.Write([]byte(text.String()))
	return m.Sum(nil)
}
