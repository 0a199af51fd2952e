package main

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// tokenContent is the header and the claims of a token as rows, times in words.
func tokenContent(header, claims []byte, now time.Time) []row {
	rows := objectRows("header ", header, func(string, jsontext.Value) (string, bool) { return "", false })
	return append(rows, objectRows("", claims, func(name string, value jsontext.Value) (string, bool) {
		return timeInWords(name, value, now)
	})...)
}

// objectRows is a row for each member; say may put one into words. What is no object
// has no rows.
func objectRows(prefix string, object []byte, say func(name string, value jsontext.Value) (string, bool)) []row {
	var rows []row
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return rows
		}
		shown := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return rows
		}
		text, ok := say(shown, value)
		if !ok {
			if text = string(value); value.Kind() == '"' {
				if plain, err := jsontext.AppendUnquote(nil, value); err == nil {
					text = string(plain)
				}
			}
		}
		rows = append(rows, row{prefix + printable(shown), text})
	}
	return rows
}

// timeInWords is exp, nbf or iat as people read it.
func timeInWords(name string, value jsontext.Value, now time.Time) (string, bool) {
	words := map[string][2]string{"exp": {"expires", "expired"}, "nbf": {"valid", "valid since"}, "iat": {"issued", "issued"}}[name]
	seconds, err := strconv.ParseFloat(string(value), 64)
	if words[0] == "" || err != nil || value.Kind() != '0' || seconds < 0 || seconds > 1<<40 {
		return "", false
	}
	at := time.Unix(int64(seconds), 0).UTC()
	stamp := " (" + at.Format(time.RFC3339) + ")"
	if left := at.Sub(now); left > 0 {
		return words[0] + " in " + roughly(left) + stamp, true
	}
	return words[1] + " " + roughly(now.Sub(at)) + " ago" + stamp, true
}

// roughly is a length of time in its largest unit, or two of small ones.
func roughly(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h" + strconv.Itoa(int(d%time.Hour/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}
