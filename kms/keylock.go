package kms

import (
	"context"
	"sync"
)

// keyLocks serialise the writes to one key, so that two rotations at once make
// two versions instead of one version and a refusal. A lock is held from the
// look at the key until its change is applied, which may include making an RSA
// key; other keys are not held up.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]*keyLock // key identity → lock, while somebody holds or awaits it
}

type keyLock struct {
	turn  chan struct{} // holds one element while the lock is free
	users int           // holders and waiters
}

// lock waits for the turn, or for the end of ctx: then ErrBusy.
func (l *keyLocks) lock(ctx context.Context, id string) (unlock func(), err error) {
	l.mu.Lock()
	k := l.held[id]
	if k == nil {
		k = &keyLock{turn: make(chan struct{}, 1)}
		k.turn <- struct{}{}
		if l.held == nil {
			l.held = make(map[string]*keyLock)
		}
		l.held[id] = k
	}
	k.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, id)
		}
	}
	select {
	case <-k.turn:
		return func() { k.turn <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, saying(ErrBusy, "other requests are changing this key; nothing was done, try again")
	}
}
