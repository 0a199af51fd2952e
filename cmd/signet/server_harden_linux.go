package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps what is in memory out of files: it is not swapped, not dumped,
// and not readable by other processes of the same user. It returns what the
// system did not permit. Files made from now on are private.
func harden() []string {
	unix.Umask(0o077)
	var refused []string
	try := func(what string, err error) {
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s: %v", what, err))
		}
	}
	// ONFAULT locks pages when they are first touched. Without it the whole
	// reserved address space of the Go runtime would be made resident at once.
	try("memory is not locked and may be swapped (CAP_IPC_LOCK or a higher RLIMIT_MEMLOCK is needed)",
		unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
	try("core dumps are not off", unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
	try("the process can be dumped or traced", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
	return refused
}
