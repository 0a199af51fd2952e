package wire

import (
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time that arrives as whole seconds (a number or
// decimal text), as a Go duration ("1h30m", "500ms") or as days ("30d"). Null
// and "" are the same as an absent field. It is never negative.
type Duration struct {
	Value time.Duration
	Set   bool
}

// DurationOf returns a set Duration.
func DurationOf(d time.Duration) Duration { return Duration{Value: d, Set: true} }

// IsZero reports that the field was absent; it drives omitzero.
func (d Duration) IsZero() bool { return !d.Set }

// UnmarshalJSON returns [ErrWantDuration] for anything else, for a negative
// value and for one over 292 years.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	text, kind, err := scalar(raw)
	if err != nil || (kind != '0' && kind != '"' && kind != 'n') {
		return ErrWantDuration
	}
	*d = Duration{}
	if kind == 'n' || text == "" {
		return nil
	}
	v, err := ParseDuration(text)
	if err != nil {
		return err
	}
	*d = Duration{Value: v, Set: true}
	return nil
}

// MarshalJSON writes whole seconds as a number and anything finer as a Go
// duration; null for an absent value.
func (d Duration) MarshalJSON() ([]byte, error) {
	switch {
	case !d.Set:
		return []byte("null"), nil
	case d.Value%time.Second == 0:
		return strconv.AppendInt(nil, int64(d.Value/time.Second), 10), nil
	}
	return []byte(`"` + d.Value.String() + `"`), nil
}

// ParseDuration reads the text forms of [Duration]. It returns [ErrWantDuration].
func ParseDuration(text string) (time.Duration, error) {
	if n, ok := wholeNumber(text); ok {
		return scaled(n, time.Second)
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, ok := wholeNumber(days)
		if !ok {
			return 0, ErrWantDuration
		}
		return scaled(n, 24*time.Hour)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, ErrWantDuration
	}
	return d, nil
}

func scaled(n int64, unit time.Duration) (time.Duration, error) {
	const longest = int64(1<<63 - 1)
	if n < 0 || n > longest/int64(unit) {
		return 0, ErrWantDuration
	}
	return time.Duration(n) * unit, nil
}
