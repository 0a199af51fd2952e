package jose
import "testing"
func TestS(t *testing.T) {
	for _, s := range []string{`{}`, `true`, `false`, `{"$ref":"#"}`, `{"properties":{"a":{"$ref":"#"}}}`, `{"properties":{"a":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}`,
	`{"type":"objec"}`, `{"minimum":"x"}`, `{"required":["a","a"]}`, `{"pattern":"("}`, `{"$ref":"http://localhost/x"}`, `{"properties":{"exp":{"minimum":9007199254740993}},"additionalProperties":{"type":"integer"}}`} {
		c, err := compileSchema([]byte(s))
		t.Log(s, err)
		if err == nil {
			t.Log(c.check([]byte(`{"exp":9007199254740992, "a":"s","b":1e3,"c":1.5}`)))
		}
	}
}
