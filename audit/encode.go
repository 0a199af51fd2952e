package audit

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// A line is a stamp, {"seq":…,"time":"…", and a body: the rest with its closing
// brace and newline. The body is encoded by the appending goroutine before it
// takes any lock; the stamp is put before it under the lock that orders records.

// maxStamp is the longest stamp: a seq of 20 digits and a time of 30 characters.
const maxStamp = len(`{"seq":,"time":""`) + 20 + 30

// stampSeconds is the part of a time stamp that changes once a second.
const stampSeconds = "2006-01-02T15:04:05"

// stamper appends stamps. It keeps the text of the last second, so a stamp costs
// no calendar arithmetic. Its zero value is ready.
type stamper struct {
	second int64
	text   []byte // of second; empty before the first stamp
}

// append appends the stamp of one record: RFC 3339, UTC, always nine digits of
// nanoseconds.
func (s *stamper) append(b []byte, seq uint64, at time.Time) []byte {
	if sec := at.Unix(); sec != s.second || len(s.text) == 0 {
		s.second = sec
		s.text = at.UTC().AppendFormat(s.text[:0], stampSeconds)
	}
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"time":"`...)
	b = append(b, s.text...)
	b = append(b, '.')
	for ns, unit := at.Nanosecond(), 100_000_000; unit > 0; unit /= 10 {
		b = append(b, byte('0'+ns/unit%10))
	}
	return append(b, 'Z', '"')
}

// appendBody appends the body of r for a node. A body that would make the line
// longer than MaxRecord is cut field by field and says "truncated":true.
func appendBody(b []byte, r *Record, node string) []byte {
	start := len(b)
	if validKeys(r.Fields) && validNames(r) {
		b = appendFields(b, r, node, false)
		if len(b)-start+maxStamp <= MaxRecord {
			return b
		}
	}
	// A limit of 32 bytes a field fits whatever the fields hold; see shrink.
	for limit := 8192; ; limit /= 4 {
		cut, lost := shrink(r, limit)
		b = appendFields(b[:start], cut, node[:min(len(node), limit)], lost)
		if len(b)-start+maxStamp <= MaxRecord {
			return b
		}
	}
}

// appendFields is the format. Its order is fixed and parse follows it.
func appendFields(b []byte, r *Record, node string, truncated bool) []byte {
	b = appendText(b, `,"type":`, r.Type)
	b = appendText(b, `,"node":`, node)
	b = appendText(b, `,"request_id":`, r.RequestID)
	b = appendText(b, `,"operation":`, r.Operation)
	b = appendText(b, `,"method":`, r.Method)
	b = appendText(b, `,"path":`, r.Path)
	b = appendText(b, `,"accessor":`, r.Accessor)
	b = appendText(b, `,"display_name":`, r.DisplayName)
	b = appendText(b, `,"application":`, r.Application)
	b = appendList(b, `,"policies":`, r.Policies)
	b = appendText(b, `,"remote":`, r.Remote)
	b = appendText(b, `,"key":`, r.Key)
	b = appendText(b, `,"kid":`, r.KID)
	b = appendInt(b, `,"key_version":`, int64(r.KeyVersion))
	b = appendText(b, `,"alg":`, r.Alg)
	b = appendText(b, `,"issuer":`, r.Issuer)
	b = appendText(b, `,"profile":`, r.Profile)
	b = appendText(b, `,"jti":`, r.JTI)
	b = appendClaims(b, r.Claims)
	b = appendText(b, `,"outcome":`, r.Outcome)
	b = appendText(b, `,"code":`, r.Code)
	b = appendText(b, `,"detail":`, r.Detail)
	b = appendInt(b, `,"duration_us":`, int64(r.Duration/time.Microsecond))
	b = appendText(b, `,"input":`, r.Input)
	b = appendText(b, `,"output":`, r.Output)
	b = appendInt(b, `,"items":`, int64(r.Items))
	b = appendInt(b, `,"chunk":`, int64(r.Chunk))
	b = appendHashes(b, r.Hashes)
	b = appendText(b, `,"proposal":`, r.Proposal)
	b = appendInt(b, `,"count":`, r.Count)
	b = appendTrue(b, `,"late":true`, r.Late)
	b = appendMap(b, r.Fields)
	b = appendTrue(b, `,"truncated":true`, truncated)
	return append(b, '}', '\n')
}

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendQuoted(append(b, name...), value)
}

func appendInt(b []byte, name string, value int64) []byte {
	if value == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), value, 10)
}

func appendTrue(b []byte, text string, value bool) []byte {
	if !value {
		return b
	}
	return append(b, text...)
}

func appendList(b []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, name...)
	sep := byte('[')
	for _, s := range list {
		b = appendQuoted(append(b, sep), s)
		sep = ','
	}
	return append(b, ']')
}

func appendHashes(b []byte, items []ItemHash) []byte {
	if len(items) == 0 {
		return b
	}
	b = append(b, `,"hashes":`...)
	sep := byte('[')
	for i := range items {
		it := &items[i]
		b = append(append(b, sep), `{"index":`...)
		b = strconv.AppendInt(b, int64(it.Index), 10)
		b = appendText(b, `,"input":`, it.Input)
		b = appendText(b, `,"output":`, it.Output)
		b = appendText(b, `,"code":`, it.Code)
		b = appendInt(b, `,"key_version":`, int64(it.KeyVersion))
		b = appendText(b, `,"jti":`, it.JTI)
		b = appendClaims(b, it.Claims)
		b = append(b, '}')
		sep = ','
	}
	return append(b, ']')
}

// appendClaims writes claims in their order. Their names differ: see validClaims.
func appendClaims(b []byte, claims []Claim) []byte {
	if len(claims) == 0 {
		return b
	}
	b = append(b, `,"claims":`...)
	sep := byte('{')
	for i := range claims {
		b = append(appendQuoted(append(b, sep), claims[i].Name), ':')
		b = appendQuoted(b, claims[i].Value)
		sep = ','
	}
	return append(b, '}')
}

// appendMap writes the keys in byte order. They are valid UTF-8: see validKeys.
func appendMap(b []byte, m map[string]string) []byte {
	if len(m) == 0 {
		return b
	}
	var few [8]string
	keys := few[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, `,"fields":`...)
	sep := byte('{')
	for _, k := range keys {
		b = append(appendQuoted(append(b, sep), k), ':')
		b = appendQuoted(b, m[k])
		sep = ','
	}
	return append(b, '}')
}

// validKeys tells whether keys may be written as they are. Invalid UTF-8 is
// replaced in writing, which could make two keys equal, so it is replaced before.
func validKeys(m map[string]string) bool {
	for k := range m {
		if !utf8.ValidString(k) {
			return false
		}
	}
	return true
}
