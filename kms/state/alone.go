package state

// AboutOneKey names the key that a command is about, if neither what it does nor what
// its request is answered with has to do with anything else: two of them about two
// keys may be applied to one state, and neither can tell. "" of all other commands.
func AboutOneKey(c Command) string {
	switch c := c.(type) {
	case *RotateKey:
		return c.Version.ID()
	case *ReserveEncryptions:
		return c.Mount + "/" + c.Name
	}
	return ""
}
