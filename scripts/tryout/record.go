package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	errNoRecord    = errors.New("no record has this request id")
	errManyRecords = errors.New("more than one record has this request id")
)

// maxRecord is the length of the longest line that is read, in bytes; a record
// is at most half of it.
const maxRecord = 64 << 10

// find returns the one record of a request, as its line stands in the log.
func find(log io.Reader, requestID string) (json.RawMessage, error) {
	var found json.RawMessage
	lines := bufio.NewScanner(log)
	lines.Buffer(make([]byte, 0, maxRecord), maxRecord)
	for lines.Scan() {
		var record struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return nil, fmt.Errorf("a line is no record: %w", err)
		}
		if requestID == "" || record.RequestID != requestID {
			continue
		}
		if found != nil {
			return nil, errManyRecords
		}
		found = append(found, lines.Bytes()...)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, errNoRecord
	}
	return found, nil
}

// shown are the fields worth reading first, in this order. The line has more.
func shown() []string {
	return []string{
		"seq", "time", "request_id", "operation", "key", "key_version", "alg", "issuer", "profile", "jti",
		"display_name", "accessor", "remote", "outcome", "input", "output",
	}
}

// show prints a record, a field a line. Values stay escaped as in the log, since
// a terminal obeys control characters.
func show(w io.Writer, line json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return err
	}
	for _, name := range shown() {
		value, ok := fields[name]
		if !ok {
			continue
		}
		text := string(value)
		if len(text) >= 2 && text[0] == '"' {
			text = strings.TrimSuffix(text[1:], `"`)
		}
		if _, err := fmt.Fprintf(w, "%-13s %s\n", name, text); err != nil {
			return err
		}
	}
	return nil
}
