package state

// MigrateSeal says that the root key is wrapped by other sides than before, or by
// none: the seal record of the same log entry comes into force. Revision must
// follow the last one, and Term is the one that the record was made at, so that of
// two records made of the same one the second is refused. Result: nil.
type MigrateSeal struct {
	Revision uint64 `codec:"r"`
	Term     uint64 `codec:"t"`
}

func (*MigrateSeal) Kind() Kind { return KindMigrateSeal }

func (c *MigrateSeal) apply(tx *txn) error {
	if c.Revision != tx.next.SealRevision+1 || c.Term != tx.next.Term {
		return ErrBadSeal
	}
	tx.next.SealRevision = c.Revision
	return nil
}

// SealRevision is how often the wrappings of the seal were changed.
func (a *Applier) SealRevision() uint64 { return a.tx.next.SealRevision }
