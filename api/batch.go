package api

import (
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/kms"
)

// batchAnswer is the answer to a batch. It writes itself: a result is mostly one
// long text of base64, and to walk a thousand of them by reflection and look at
// each character for what must be escaped cost as much as encrypting them. What it
// writes is what the wire types say; a test compares the two.
type batchAnswer struct {
	results   []kms.Result
	member    func(b []byte, r *kms.Result) []byte // what comes before error and reference, with a comma after it
	reference func(i int) string
}

// answerBatch answers the items of a request; reference is that of one.
func answerBatch[T any](results []kms.Result, items []T, member func(b []byte, r *kms.Result) []byte, reference func(item *T) string) *batchAnswer {
	return &batchAnswer{results, member, func(i int) string { return reference(&items[i]) }}
}

// selfWriting is data that writes itself into its envelope.
type selfWriting interface {
	appendData(b []byte) []byte
	space() int // about how long the data becomes
}

// appendEnvelope is the whole answer.
func appendEnvelope(data selfWriting, requestID string, warnings []string) []byte {
	b := make([]byte, 0, 256+data.space())
	b = append(b, `{"request_id":"`...)
	b = append(b, requestID...) // made by newRequestID
	b = append(b, `","lease_id":"","renewable":false,"lease_duration":0,"data":`...)
	b = data.appendData(b)
	b = append(b, `,"wrap_info":null,"warnings":`...)
	if len(warnings) == 0 {
		return append(b, `null,"auth":null}`...)
	}
	for i, w := range warnings {
		b = append(b, "[,"[min(i, 1)])
		b = appendQuoted(b, w)
	}
	return append(b, `],"auth":null}`...)
}

func (a *batchAnswer) appendData(b []byte) []byte {
	b = append(b, `{"batch_results":[`...)
	for i := range a.results {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.appendResult(b, i)
	}
	return append(b, `]}`...)
}

func (a *batchAnswer) appendResult(b []byte, i int) []byte {
	r := &a.results[i]
	return appendOutcome(a.member(append(b, '{'), r), r.Err, a.reference(i))
}

// appendOutcome ends an item.
func appendOutcome(b []byte, err error, reference string) []byte {
	if err != nil {
		wrong := itemError(err)
		b = appendQuoted(append(b, `"error":`...), wrong.Error)
		b = appendQuoted(append(b, `,"code":`...), string(wrong.Code))
		b = append(b, ',')
	}
	b = append(b, `"reference":`...)
	return append(appendQuoted(b, reference), '}')
}

func (a *batchAnswer) space() int {
	n := 0
	for i := range a.results {
		n += 64 + len(a.results[i].Text) + base64.StdEncoding.EncodedLen(len(a.results[i].Plain))
	}
	return n
}

// appendQuoted appends text of any kind.
func appendQuoted(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text) // fails for what is no UTF-8, after replacing it
	return b
}

// textMember is a result's text, which is base64 or hex behind a prefix and needs
// no escape, under a name; there is none where there is an error.
func textMember(name string) func(b []byte, r *kms.Result) []byte {
	return func(b []byte, r *kms.Result) []byte {
		if r.Err != nil {
			return b
		}
		b = append(append(append(b, '"'), name...), `":"`...)
		return append(append(b, r.Text...), `",`...)
	}
}

// versionedMember is textMember and the version of the key.
func versionedMember(name string) func(b []byte, r *kms.Result) []byte {
	text := textMember(name)
	return func(b []byte, r *kms.Result) []byte {
		if r.Err != nil {
			return b
		}
		b = append(text(b, r), `"key_version":`...)
		return append(strconv.AppendUint(b, uint64(r.Version), 10), ',')
	}
}

// plaintextMember is never missing.
func plaintextMember(b []byte, r *kms.Result) []byte {
	b = append(b, `"plaintext":"`...)
	return append(base64.StdEncoding.AppendEncode(b, r.Plain), `",`...)
}

// validMember is never missing.
func validMember(b []byte, r *kms.Result) []byte {
	b = append(b, `"valid":`...)
	return append(strconv.AppendBool(b, r.Valid), ',')
}
