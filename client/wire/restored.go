package wire

// RestoredKeys answers GET sys/storage/raft/restored: the keys that wait to be enabled
// after a restore into an empty directory. Data of an [Envelope].
type RestoredKeys struct {
	Keys []RestoredKey `json:"keys"`
}

// RestoredKey is one of them. To POST sys/storage/raft/restored/enable it has Mount and
// Name alone; the answer, Data of an [Envelope], says how many versions were enabled.
type RestoredKey struct {
	Mount    string `json:"mount,omitzero"` // without a slash; transit if absent
	Name     string `json:"name"`
	Issuer   string `json:"issuer,omitzero"` // absent of a transit key
	Versions int    `json:"versions,omitzero"`
}
