// Package wall is the wall clock of a node: what records are dated with and what
// expires goes by. It is time.Now, but in a build for tests.
//
// Built with the tag signet_testclock, the clock is set by a file that the environment
// variable SIGNET_TESTCLOCK names, which holds a duration such as -1h: it is what the
// wall clock is ahead, and is read again at each look, so that a test can set the clock
// of a node that runs. The monotonic clock stays what it is, as when an operator or NTP
// sets a clock. Such a build says so in its version; an ordinary one has nothing of it.
package wall
