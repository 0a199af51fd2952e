package api

import (
	"encoding/base64"
	"maps"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestForms(t *testing.T) {
	many := strings.Repeat("a", 1)
	for i := range formFields + 1 {
		many += "&x" + strings.Repeat("y", i) + "=1"
	}
	for body, want := range map[string]struct {
		form map[string]string
		err  error
	}{
		"":                          {map[string]string{}, nil},
		"token=abc":                 {map[string]string{"token": "abc"}, nil},
		"token=a%2Bb+c&x=":          {map[string]string{"token": "a+b c"}, nil},
		"&token=a&&":                {map[string]string{"token": "a"}, nil},
		"token=a=b":                 {map[string]string{"token": "a=b"}, nil},
		"token=a;token_type_hint=b": {map[string]string{"token": "a;token_type_hint=b"}, nil},
		"token":                     {map[string]string{}, nil},
		"token=a&token=a":           {nil, errFormTwice},
		"token=&token=a":            {nil, errFormTwice},
		"token=a&%74oken=b":         {nil, errFormTwice},
		"x=1&token=a&x=2":           {nil, errFormTwice},
		"token=%zz":                 {nil, errFormSyntax},
		"token=%4":                  {nil, errFormSyntax},
		"token=%ff":                 {nil, errFormSyntax},
		"=a":                        {nil, errFormSyntax},
		many:                        {nil, errFormLong},
	} {
		got, err := parseForm(body)
		if err != want.err || !maps.Equal(got, want.form) {
			t.Errorf("%.40q: %v %v", body, got, err)
		}
	}
}

func TestBasicCredentials(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for text, want := range map[string][2]string{
		encode("id:secret"): {"id", "secret"}, encode("i%3Ad:s+s%2B"): {"i:d", "s s+"}, encode("id:"): {"id", ""}, encode("id:a:b"): {"id", "a:b"},
	} {
		if id, secret, err := basicCredentials(text); err != nil || id != want[0] || secret != want[1] {
			t.Errorf("%q: %q %q %v", text, id, secret, err)
		}
	}
	for _, text := range []string{"", "%", encode("id"), encode(":secret"), encode("%zz:secret"), encode("id:%"), "aWQ6c2VjcmV0=="} {
		if _, _, err := basicCredentials(text); err != errBasic {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"token=abc", "token=a&token=b", "token=%41&x", "a=%ff", "&&=", "token=a%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := parseForm(body)
		if err != nil {
			if form != nil {
				t.Fatal("a form beside an error")
			}
			return
		}
		values := url.Values{}
		for name, value := range form {
			if name == "" || value == "" || !utf8.ValidString(name+value) {
				t.Fatalf("%q=%q", name, value)
			}
			values.Set(name, value)
		}
		again, err := parseForm(values.Encode())
		if err != nil || !maps.Equal(again, form) {
			t.Fatalf("%v, and then %v %v", form, again, err)
		}
		// Never looser than the standard library, but that a semicolon is a
		// character like another, as the standard of URLs has it.
		if _, err := url.ParseQuery(strings.ReplaceAll(body, ";", "%3B")); err != nil {
			t.Fatalf("%q: net/url refuses it: %v", body, err)
		}
	})
}
