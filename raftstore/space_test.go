package raftstore

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Far from the reserve an answer is good for spaceFresh and no longer; near it each
// entry asks, and the first that finds too little is refused.
func TestRoomIsAskedForOftenWhereItIsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const reserve = 8 << 20
		var left uint64
		var failure error
		asked := 0
		free := func() (uint64, error) { asked++; return left, failure }
		s := space{begun: time.Now()}
		check := func(what string, wantRoom bool, wantErr error, wantAsked int) {
			t.Helper()
			asked = 0
			room, err := s.hasRoom(reserve, free)
			if room != wantRoom || !errors.Is(err, wantErr) || asked != wantAsked {
				t.Errorf("%s: room %v, %v, asked %d times", what, room, err, asked)
			}
		}
		left = reserve + spaceAhead
		check("the first, at the very beginning", true, nil, 1)
		left = 0
		check("at once", true, nil, 0)
		time.Sleep(spaceFresh - 1)
		check("just in time", true, nil, 0)
		time.Sleep(time.Nanosecond)
		check("too late", false, nil, 1)
		check("again", false, nil, 1)
		left = reserve + spaceAhead - 1
		check("there is a little", true, nil, 1)
		left = reserve - 1
		check("and then it is gone", false, nil, 1)
		left = reserve
		check("as much as the reserve", true, nil, 1)
		failure = errors.New("no answer")
		check("no answer", false, failure, 1)
		failure, left = nil, reserve+spaceAhead
		check("plenty again", true, nil, 1)
		check("plenty still", true, nil, 0)
	})
}
