package state

import "strconv"

// Quote shows a word of the caller's in an error: quoted if it is short and
// plain, otherwise not at all. People paste tokens and shares into the wrong
// field, and answers are logged by whoever receives them.
func Quote(word string) string {
	const longest = 24 // a token has 47 characters, a share 64 or 96
	if len(word) > longest {
		return "(a value of " + strconv.Itoa(len(word)) + " characters, not repeated)"
	}
	return strconv.QuoteToASCII(word)
}
