package audit

import (
	"strconv"
	"time"
)

// maxNames is how many names a tally tells apart; the rest is "other".
const maxNames = 32

// tally counts by name, with a bound on the names. Its zero value is ready.
type tally map[string]int64

func (t *tally) add(name string, n int64) {
	if *t == nil {
		*t = make(tally)
	}
	if _, known := (*t)[name]; name == "" || !known && len(*t) >= maxNames {
		name = "other"
	}
	(*t)[name] += n
}

// fields writes the counts for a record, with the time of the first event.
func (t tally) fields(since time.Time) map[string]string {
	m := map[string]string{"since": since.UTC().Format(time.RFC3339Nano)}
	for name, n := range t {
		if name == "since" {
			name = "other since" // the name is taken
		}
		m[name] = strconv.FormatInt(n, 10)
	}
	return m
}
