package barrier

// StreamSize is how long the sealed stream of n bytes of plaintext is. It depends
// on nothing else, so that a container which states lengths first can be written
// without keeping the stream.
func StreamSize(n int64) int64 {
	chunks := max(1, (n+chunkSize-1)/chunkSize)
	return streamHeader + n + chunks*overhead
}
