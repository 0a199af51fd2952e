package audit

import (
	"errors"
	"fmt"
)

var (
	// ErrUnavailable is what every refused Append wraps, together with the
	// reason: nothing of it was recorded and nothing may be released.
	ErrUnavailable = errors.New("audit log unavailable")

	// ErrLost is a record that will never be in the log: it failed for good before.
	ErrLost = errors.New("the record is lost")

	// ErrCorrupt is returned by Open and Read for a log that holds a line this
	// package did not write there; errors.As with *CorruptError names it.
	ErrCorrupt = errors.New("audit log corrupt")

	// ErrTorn is returned by Read when the log ends in the middle of a record:
	// one that was never acknowledged, or one being written at this moment.
	ErrTorn = errors.New("audit log ends in the middle of a record")

	// ErrLocked is returned by Open when another log has the directory open.
	ErrLocked = errors.New("audit directory is in use by another process")

	// ErrClosed is the reason of every refusal after Close.
	ErrClosed = errors.New("the audit log is closed")
)

// Reasons a log can be unavailable for. Their texts appear in sys/health, which
// anybody may read, so they name no path.
var (
	errFull  = errors.New("no space left for the audit log; free space to resume")
	errMoved = errors.New("the audit log file was removed, renamed or replaced; put it back or restart the node")
	errSize  = errors.New("the audit log file was cut or extended by someone else; restart the node to check it")
)

// CorruptError names the first bad record of a log. It matches ErrCorrupt.
type CorruptError struct {
	Line   int64  // line number in the file, from 1
	Seq    uint64 // the seq that this line should have had
	Offset int64  // byte offset at which the line begins
	Reason string // what is wrong with it; holds nothing from the line
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: line %d (byte %d), expected seq %d: %s", ErrCorrupt, e.Line, e.Offset, e.Seq, e.Reason)
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// unavailable is a refusal: ErrUnavailable and the reason, in one value made
// once per failure, so that a refused request costs no allocation.
type unavailable struct{ reason error }

func (e *unavailable) Error() string   { return ErrUnavailable.Error() + ": " + e.reason.Error() }
func (e *unavailable) Unwrap() []error { return []error{ErrUnavailable, e.reason} }

// fatalError marks a failure after which nobody knows what is on the disk. A
// second fdatasync that succeeds proves nothing: the kernel reports a failed
// write-back once and then drops the pages. The process must exit, and Open
// reads the file again.
type fatalError struct{ cause error }

func (e *fatalError) Error() string {
	return "the disk under the audit log failed; the node must restart: " + e.cause.Error()
}
func (e *fatalError) Unwrap() error { return e.cause }
