package seal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
)

// Progress says how far a ceremony is.
type Progress struct {
	Submitted int    // distinct right shares so far
	Threshold int    // k
	Shares    int    // n
	Nonce     string // names this ceremony, 32 hex characters; empty before the first right share
}

// Unsealing collects shares for one record until there are enough. It is safe
// for concurrent use and redacts itself everywhere.
type Unsealing struct {
	_ [0]func()
	redacted
	hidden func() *ceremony
}

type ceremony struct {
	record *Record // a copy; never changes

	mu     sync.Mutex          // guards what follows, held while the record is opened
	values map[int]*shareBytes // index → share, each verified
	nonce  string
}

// NewUnsealing begins a ceremony for r. A record that is not usable shows itself
// at the first Submit.
func NewUnsealing(r *Record) *Unsealing {
	return &Unsealing{hidden: hide(&ceremony{record: r.clone(), values: make(map[int]*shareBytes)})}
}

// Submit takes one share in either text form. With the last one needed it
// returns the Opened, and the ceremony starts anew: what it collected is
// overwritten. After any ErrShare error the progress is what it was.
// Errors: the ErrShare sentinels, ErrRecord; ErrRecordDamaged, which ends the
// ceremony without progress.
func (u *Unsealing) Submit(text string) (Progress, *Opened, error) {
	c := u.hidden()
	raw, err := c.record.verify(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		return c.progress(), nil, err
	}
	index := int(raw[offIndex])
	if c.values[index] != nil {
		clear(raw[:])
		return c.progress(), nil, fmt.Errorf("%w (share %d)", ErrShareRepeated, index)
	}
	if len(c.values) == 0 {
		c.nonce = newNonce()
	}
	c.values[index] = raw
	if len(c.values) < c.record.Threshold {
		return c.progress(), nil, nil
	}
	done := c.progress()
	opened, err := c.record.open(c.values)
	c.reset()
	if err != nil {
		return c.progress(), nil, err
	}
	return done, opened, nil
}

// Progress says how far the ceremony is.
func (u *Unsealing) Progress() Progress {
	c := u.hidden()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.progress()
}

// Reset drops and overwrites the shares collected so far.
func (u *Unsealing) Reset() {
	c := u.hidden()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

func (c *ceremony) progress() Progress {
	return Progress{Submitted: len(c.values), Threshold: c.record.Threshold, Shares: c.record.Shares, Nonce: c.nonce}
}

func (c *ceremony) reset() {
	for _, raw := range c.values {
		clear(raw[:])
	}
	clear(c.values)
	c.nonce = ""
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
