package audit

import (
	"errors"
	"fmt"
)

// Close writes what is pending, syncs the log and gives up the directory. Appends
// under way are completed, later ones fail with ErrClosed. The error says what
// could not be written. A second Close does nothing.
func (l *Log) Close() error {
	if !l.keeper.stop() {
		return nil
	}
	return l.journal.close()
}

// close refuses what comes from now on, waits for what is under way and closes
// the file. The keeper has stopped.
func (j *journal) close() error {
	j.mu.Lock()
	j.closed = &unavailable{reason: ErrClosed}
	for j.writing {
		j.idle.Wait()
	}
	failed, late, lost, refused := j.err, len(j.late), j.lateLost, j.refused
	j.mu.Unlock()
	var errs []error
	if failed != nil {
		errs = append(errs, fmt.Errorf("%w; not recorded: %d late records, and the count of %d refused requests", failed, int64(late)+lost, refused))
	}
	if !isFatal(failed) {
		errs = append(errs, j.file.sync())
	}
	return errors.Join(append(errs, j.file.close())...)
}
