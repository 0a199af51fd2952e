package jose

import "strconv"

// MaxDate is the latest second of a Date, 2^53: up to there every reader of JSON,
// also one with double precision alone, sees the same second.
const MaxDate = 1 << 53

// maxDateText bounds the digits that are looked at.
const maxDateText = 64

// Date is a NumericDate (RFC 7519, section 2): seconds since 1970, UTC, with a
// fraction or without. The zero Date is absent.
type Date struct {
	seconds  int64 // rounded down
	fraction bool  // something is left behind the full seconds
	set      bool
}

// DateOf is the Date of a full second.
func DateOf(unix int64) Date { return Date{seconds: unix, set: true} }

// Set says whether the token has the claim.
func (d Date) Set() bool { return d.set }

// Unix returns the full seconds, the fraction cut off. An absent Date gives 0.
func (d Date) Unix() int64 { return d.seconds }

// reached says whether a clock of full seconds has come to d.
func (d Date) reached(now int64) bool {
	if d.fraction {
		return now > d.seconds
	}
	return now >= d.seconds
}

// parseDate reads a valid JSON value as a NumericDate: a number, 0 to MaxDate, in
// any of JSON's spellings (1500000000.0 and 1.5e9 are the same second). It
// computes in decimal, so nothing is rounded.
func parseDate(raw []byte) (Date, bool) {
	if len(raw) == 0 || len(raw) > maxDateText || raw[0] < '0' || raw[0] > '9' {
		return Date{}, false
	}
	whole, rest := digits(raw)
	var frac []byte
	if len(rest) > 0 && rest[0] == '.' {
		frac, rest = digits(rest[1:])
	}
	point := len(whole) // the digits in front of the decimal point
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		exp, err := strconv.Atoi(string(rest[1:]))
		if err != nil || exp < -9999 || exp > 9999 {
			return Date{}, false
		}
		point, rest = point+exp, nil
	}
	if len(rest) != 0 {
		return Date{}, false
	}
	d := Date{set: true}
	at := 0
	for _, part := range [2][]byte{whole, frac} {
		for _, c := range part {
			if at >= point {
				d.fraction = d.fraction || c != '0'
			} else if d.seconds = d.seconds*10 + int64(c-'0'); d.seconds > MaxDate {
				return Date{}, false
			}
			at++
		}
	}
	for ; at < point && d.seconds > 0; at++ {
		if d.seconds *= 10; d.seconds > MaxDate {
			return Date{}, false
		}
	}
	if d.seconds == MaxDate && d.fraction {
		return Date{}, false
	}
	return d, true
}

func digits(b []byte) (head, tail []byte) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return b[:i], b[i:]
}
