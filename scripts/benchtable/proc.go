package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc/PID/stat, 1/USER_HZ, which is the same
// on every platform that Go runs Linux on (proc_pid_stat(5), sysconf(3)).
const tick = 10 * time.Millisecond

var errProc = errors.New("/proc says something that is not understood")

// cpuTime returns the CPU time that a process has used, user and system.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// parseStat reads utime and stime, the fields 14 and 15. The second field is the
// name of the program, in parentheses, and may hold spaces and parentheses.
func parseStat(text string) (time.Duration, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, errProc
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(2*tick) {
			return 0, errProc
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// resident returns the resident memory of a process in MiB.
func resident(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseStatus(string(text))
}

func parseStatus(text string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
			n, err := strconv.ParseUint(strings.TrimSpace(kib), 10, 53)
			if !ok || err != nil {
				return 0, errProc
			}
			return float64(n) / 1024, nil
		}
	}
	return 0, errProc
}
