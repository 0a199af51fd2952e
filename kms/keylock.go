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
	users int           // holders and waiters
	turn  chan struct{} // made by the first who waits; holds one element while the lock is free
}

// lock waits for the turn, or for the end of ctx: then ErrBusy.
func (l *keyLocks) lock(ctx context.Context, id string) (unlock func(), err error) {
	l.mu.Lock()
	k := l.held[id]
	if k == nil { // nobody holds it
		if l.held == nil {
			l.held = make(map[string]*keyLock)
		}
		k = &keyLock{users: 1}
		l.held[id] = k
		l.mu.Unlock()
		return func() { l.leave(id, k, true) }, nil
	}
	k.users++
	if k.turn == nil {
		k.turn = make(chan struct{}, 1)
	}
	turn := k.turn
	l.mu.Unlock()
	select {
	case <-turn:
		return func() { l.leave(id, k, true) }, nil
	case <-ctx.Done():
		l.leave(id, k, false)
		return nil, saying(ErrBusy, "other requests are changing this key; nothing was done, try again")
	}
}

// leave ends the use of a lock by one who holds it, or by one who gives up waiting.
func (l *keyLocks) leave(id string, k *keyLock, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k.users--
	switch {
	case k.users == 0:
		delete(l.held, id)
	case held:
		k.turn <- struct{}{} // has room: only who holds the lock gives it away
	}
}
