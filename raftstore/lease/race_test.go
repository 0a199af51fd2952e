//go:build race

package lease

// raced says that the race detector slows the tests down.
const raced = true
