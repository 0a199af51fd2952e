package apitest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// minSecret is the shortest secret that is looked for, in bytes: shorter ones
// would be found by chance, and a word such as "root" everywhere.
const minSecret = 16

// Scanner looks for secrets in every form in which one leaks: as they are, in hex
// of both cases, and in both alphabets of base64, also in the middle of a longer
// text, where base64 depends on how many bytes come before.
type Scanner struct {
	patterns map[uint64][]pattern // by their first eight bytes
	begins   [1 << 16]bool        // the first two bytes of any, which rule out most places
}

type pattern struct {
	bytes []byte
	what  string // names the secret and the form, never the secret
}

// Add makes the scanner look for secret, which what names.
func (s *Scanner) Add(what string, secret []byte) {
	if len(secret) < minSecret {
		return
	}
	s.add(what+", raw", secret)
	lower := hex.EncodeToString(secret)
	s.add(what+", hex", []byte(lower))
	s.add(what+", upper-case hex", []byte(strings.ToUpper(lower)))
	for before := range 3 {
		s.add(what+", base64", inBase64(base64.RawStdEncoding, secret, before))
		s.add(what+", base64url", inBase64(base64.RawURLEncoding, secret, before))
	}
}

func (s *Scanner) add(what string, b []byte) {
	if s.patterns == nil {
		s.patterns = map[uint64][]pattern{}
	}
	head := binary.LittleEndian.Uint64(b)
	s.begins[uint16(head)] = true
	if !slices.ContainsFunc(s.patterns[head], func(p pattern) bool { return bytes.Equal(p.bytes, b) }) {
		s.patterns[head] = append(s.patterns[head], pattern{b, what})
	}
}

// inBase64 is the part of the base64 of a text that depends on the secret alone,
// when as many bytes come before it in the text.
func inBase64(enc *base64.Encoding, secret []byte, before int) []byte {
	text := enc.EncodeToString(append(make([]byte, before), secret...))
	head := (before*8 + 5) / 6             // characters with a bit of what comes before
	tail := (before + len(secret)) * 8 / 6 // the one after has a bit of what follows
	return []byte(text[head:tail])
}

// Find names the secrets in content. Text that was broken into lines, as PEM is,
// is looked at without the breaks too.
func (s *Scanner) Find(content []byte) []string {
	found := s.find(content)
	whole := content
	for _, breaking := range []string{"\n", "\r", `\n`, `\r`} {
		whole = bytes.ReplaceAll(whole, []byte(breaking), nil)
	}
	if len(whole) == len(content) {
		return found
	}
	for _, what := range s.find(whole) {
		if !slices.Contains(found, what) {
			found = append(found, what)
		}
	}
	return found
}

func (s *Scanner) find(content []byte) []string {
	var found []string
	for i := 0; i+8 <= len(content); i++ {
		if !s.begins[uint16(content[i])|uint16(content[i+1])<<8] {
			continue
		}
		for _, p := range s.patterns[binary.LittleEndian.Uint64(content[i:])] {
			if bytes.HasPrefix(content[i:], p.bytes) && !slices.Contains(found, p.what) {
				found = append(found, p.what)
			}
		}
	}
	return found
}

// Files names the secrets in the files below dirs, and in their names.
func (s *Scanner) Files(dirs ...string) (found []string, files int, err error) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a temporary file of a running node
			}
			if err != nil {
				return err
			}
			for _, what := range s.Find([]byte(path)) {
				found = append(found, fmt.Sprintf("%s in the name of a file", what))
			}
			if !d.Type().IsRegular() {
				return nil
			}
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			files++
			for _, what := range s.Find(content) {
				found = append(found, fmt.Sprintf("%s in %s", what, path))
			}
			return err
		})
		if err != nil {
			return found, files, err
		}
	}
	return found, files, nil
}

// HandedOut registers a share, token or secret id that the node gave to a client: it must be
// in no file and not in the log.
func (n *Node) HandedOut(what, secret string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handedOut(what, secret)
}

func (n *Node) handedOut(what, secret string) {
	if _, known := n.secrets[secret]; !known {
		n.secrets[secret] = fmt.Sprintf("%s (#%d handed out)", what, len(n.secrets)+1)
	}
}

// Scanner looks for every share, token and secret id that the node handed out: for the text
// and for the bytes that it stands for.
func (n *Node) Scanner() *Scanner {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &Scanner{}
	for text, what := range n.secrets {
		s.Add(what, []byte(text))
		if raw, err := hex.DecodeString(text); err == nil {
			s.Add(what, raw)
			if len(raw) == shareBytes {
				s.Add(what+", its value", raw[shareValue:shareValue+32])
			}
		}
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(strings.TrimPrefix(text, "sgt."), "sgs.")); err == nil {
			s.Add(what, raw)
		}
	}
	return s
}

// A share is 48 bytes, of which 32 from the twelfth on are the secret.
const (
	shareBytes = 48
	shareValue = 12
)

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // does not fail: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}
