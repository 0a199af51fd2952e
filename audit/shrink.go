package audit

import (
	"strings"
	"unicode/utf8"
)

// shrink returns a copy of r in which no text is longer than limit bytes and no
// list longer than limit/32 entries, and whether anything was cut. The longest
// fields are cut first, since the caller lowers limit until the record fits. At a
// limit of 32 some twenty texts of 32 bytes, six times that when every byte needs
// an escape, stay far below MaxRecord.
func shrink(r *Record, limit int) (*Record, bool) {
	c := cutter{limit: limit, list: limit / 32}
	out := *r
	for _, s := range []*string{
		&out.Type, &out.RequestID, &out.Operation, &out.Method, &out.Path,
		&out.Accessor, &out.DisplayName, &out.Application, &out.Remote,
		&out.Key, &out.KID, &out.Alg, &out.Issuer, &out.Profile, &out.JTI, &out.Outcome, &out.Code, &out.Detail,
		&out.Input, &out.Output, &out.Proposal,
	} {
		*s = c.text(*s)
	}
	out.Policies = nil
	for _, p := range r.Policies[:c.entries(len(r.Policies))] {
		out.Policies = append(out.Policies, c.text(p))
	}
	out.Claims = c.claims(r.Claims)
	out.Hashes = nil
	for _, h := range r.Hashes[:c.entries(len(r.Hashes))] {
		h.Input, h.Output, h.Code = c.text(h.Input), c.text(h.Output), c.text(h.Code)
		h.JTI, h.Claims = c.text(h.JTI), c.claims(h.Claims)
		out.Hashes = append(out.Hashes, h)
	}
	out.Fields = c.fields(r.Fields)
	return &out, c.cut
}

// cutter cuts texts and lists and remembers whether it had to.
type cutter struct {
	limit, list int
	cut         bool
}

// text cuts s to the limit, at the start of a character.
func (c *cutter) text(s string) string {
	if len(s) <= c.limit {
		return s
	}
	c.cut = true
	n := c.limit
	for back := 0; back < utf8.UTFMax-1 && n > 0 && !utf8.RuneStart(s[n]); back++ {
		n--
	}
	return s[:n]
}

// entries tells how many of n entries are kept.
func (c *cutter) entries(n int) int {
	if n > c.list {
		c.cut = true
		return c.list
	}
	return n
}

// fields cuts a map. Entries whose keys become equal by the cutting, or by the
// replacing of invalid UTF-8, collapse into one; which entries are kept of a map
// that is too long is not defined.
func (c *cutter) fields(m map[string]string) map[string]string {
	room := c.entries(len(m))
	out := make(map[string]string, room)
	for k, v := range m {
		if len(out) == room {
			break
		}
		out[c.text(strings.ToValidUTF8(k, "\uFFFD"))] = c.text(v)
	}
	c.cut = c.cut || len(out) < len(m)
	return out
}
