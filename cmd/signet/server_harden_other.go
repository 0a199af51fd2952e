//go:build !linux

package main

// harden does nothing here, and says so.
func harden() []string {
	return []string{"memory locking and the ban on dumps exist on Linux alone"}
}
