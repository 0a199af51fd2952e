package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSharesAreNotPrinted(t *testing.T) {
	r, shares, _ := create(t, 3, 2)
	u := NewUnsealing(r)
	submit(t, u, shares[0])
	secret := shares[0].raw()[offValue:offSum]
	type nested struct { // fmt skips methods on unexported fields
		s  Share
		p  *Share
		u  *Unsealing
		uv Unsealing
	}
	values := map[string]any{
		"Share":       shares[0],
		"*Share":      &shares[0],
		"[]Share":     shares,
		"map":         map[string]Share{"x": shares[0]},
		"Unsealing":   *u,
		"*Unsealing":  u,
		"nested":      nested{shares[0], &shares[0], u, *u},
		"nested by *": &nested{shares[0], &shares[0], u, *u},
		"record":      r,
	}
	for name, v := range values {
		var outs []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%p", "%t"} {
			outs = append(outs, fmt.Sprintf(verb, v))
		}
		js, _ := json.Marshal(v)
		var log, binary bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		_ = gob.NewEncoder(&binary).Encode(v)
		outs = append(outs, string(js), log.String(), binary.String())
		for _, out := range outs {
			for _, form := range []string{
				string(secret), hex.EncodeToString(secret[:8]), strings.ToUpper(hex.EncodeToString(secret[:8])),
				base64.StdEncoding.EncodeToString(secret)[:10], shares[0].Base64()[20:30],
				strings.Trim(fmt.Sprint(secret[:4]), "[]"), strings.TrimSuffix(fmt.Sprintf("%#v", secret[:4])[7:], "}"),
			} {
				if strings.Contains(out, form) {
					t.Errorf("%s printed a share: %s", name, out)
				}
			}
		}
	}
	for _, v := range []any{shares[0], &shares[0], *u, u} {
		if got := fmt.Sprintf("%v|%+v|%#v|%s|%q|%d", v, v, v, v, v, v); strings.Count(got, redactedText) != 6 {
			t.Errorf("%T: %s", v, got)
		}
		if _, err := json.Marshal(v); err == nil {
			t.Errorf("%T became JSON", v)
		}
		if _, err := v.(interface{ MarshalText() ([]byte, error) }).MarshalText(); err == nil {
			t.Errorf("%T became text", v)
		}
		if _, err := v.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary(); err == nil {
			t.Errorf("%T became binary", v)
		}
	}
}
