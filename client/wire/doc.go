// Package wire owns the words that a Signet server and its clients say to each
// other: the JSON request and response types of /v1, the error codes, the
// header names, and the weak types that read what Vault clients send (numbers
// as strings, durations as seconds or "720h", lists as comma-separated text).
//
// It never decides anything: no defaults, no range checks, no policy, no I/O.
// A field that was absent stays recognisable as absent, and whoever receives
// the message decides what that means. It imports nothing else of the module,
// so that a client pulls in no server code.
//
// The invariant it keeps: a value that decodes, re-encodes to a value that
// decodes to the same thing; and a message can be put on the wire, but not into
// a log: [Secret] and [Bytes] show a placeholder under every verb of fmt and
// slog, and refuse encoding/json, which is what loggers use. Messages are
// encoded and decoded with github.com/go-json-experiment/json, whose names are
// case-sensitive.
//
// Start reading at envelope.go (what every answer is wrapped in), then
// codes.go (what an error means and whether to retry), then transit.go.
package wire
