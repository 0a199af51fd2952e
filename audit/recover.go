package audit

import (
	"strconv"
	"time"
)

// What is kept in memory for a log that cannot be written: records of operations
// that must answer all the same.
const (
	maxLate      = 10_000
	maxLateBytes = 16 << 20
)

// lateRecord is a record that waits for the log to recover.
type lateRecord struct {
	body []byte
	at   time.Time
}

// appendLate commits one record or, where the log is failing, keeps late() for its
// recovery. It tells whether the record was committed or kept.
func (j *journal) appendLate(p *pack, late func() []byte) bool {
	at := j.now()
	for j.append(p, nil, 0) != nil {
		body := late()
		j.mu.Lock()
		if j.refusal() != nil {
			defer j.mu.Unlock()
			return j.keep(lateRecord{body: body, at: at})
		}
		j.mu.Unlock() // it has recovered in between: try again
	}
	return true
}

// keep keeps one record, or counts it when there is no room or no hope. mu is
// held.
func (j *journal) keep(r lateRecord) bool {
	if j.dead || j.closed != nil || len(j.late) >= maxLate || j.lateBytes+len(r.body) > maxLateBytes {
		j.lateLost++
		return false
	}
	j.late = append(j.late, r)
	j.lateBytes += len(r.body)
	return true
}

// recover tries to put a failed log back into service. Its first group holds the
// late records and then one record that says how many requests were refused. It
// is committed like any other: requests that come meanwhile gather behind it, and
// are refused with it should it fail; trying keeps Err from showing hope until
// then.
func (j *journal) recover() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil || !j.own() {
		return
	}
	j.mu.Unlock()
	err := j.file.heal()
	j.mu.Lock()
	if err != nil || j.dead {
		j.fail(err)
		j.release(nil)
		return
	}
	// The group being filled is empty: nothing joins one while err is set, and
	// whoever had gathered behind the failed group was refused before writing
	// became false.
	j.trying, j.err = j.err, nil
	debt := j.settleDebt()
	b, n, last := j.take()
	if j.write(b, n, last) != nil {
		j.restore(debt)
	}
	j.trying = nil
	j.release(b)
	j.nudge()
}

// debt is what a recovery writes, kept until it is written.
type debt struct {
	late          []lateRecord
	bytes         int
	refused, lost int64
	since         time.Time
}

// settleDebt puts all that is owed into the group being filled. mu is held.
func (j *journal) settleDebt() debt {
	d := debt{late: j.late, bytes: j.lateBytes, refused: j.refused, lost: j.lateLost, since: j.failedAt}
	for _, r := range d.late {
		j.put(r.body, r.at)
	}
	notice := &Record{
		Type: TypeNode, Operation: "audit/resumed", Outcome: OutcomeOK, Count: d.refused,
		Detail: "requests refused while the audit log was unavailable",
		Fields: map[string]string{"since": d.since.UTC().Format(time.RFC3339Nano)},
	}
	if j.trying != nil {
		notice.Fields["reason"] = j.trying.Error()
	}
	if len(d.late) > 0 {
		notice.Fields["late_records"] = strconv.Itoa(len(d.late))
	}
	if d.lost > 0 {
		notice.Fields["late_records_lost"] = strconv.FormatInt(d.lost, 10)
	}
	j.put(appendBody(nil, notice, j.node), j.now())
	j.late, j.lateBytes, j.refused, j.lateLost = nil, 0, 0, 0
	return d
}

// restore takes back a debt that could not be written. mu is held.
func (j *journal) restore(d debt) {
	j.late = append(d.late, j.late...)
	j.lateBytes += d.bytes
	j.refused += d.refused
	j.lateLost += d.lost
	j.failedAt = d.since
}

// inspect finds out, for an idle log, what the next append would: that the file
// was moved away or changed.
func (j *journal) inspect() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil || !j.own() {
		return
	}
	j.mu.Unlock()
	err := j.file.check(j.file.size)
	j.mu.Lock()
	if err != nil {
		j.fail(err)
	}
	j.release(nil)
}

// flush makes records durable that were written without fdatasync. A failure is
// fatal whatever its kind: those records were acknowledged.
func (j *journal) flush() {
	j.mu.Lock()
	due := j.stats.Unsynced
	dead := j.dead
	j.mu.Unlock()
	if due == 0 || dead {
		return
	}
	begin := time.Now()
	err := j.file.sync()
	took := time.Since(begin)
	if err != nil && !isFatal(err) {
		err = &fatalError{cause: err}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.fail(err)
		return
	}
	j.stats.Unsynced -= due
	j.stats.Syncs++
	j.stats.LastSync = took
}
