package state

import "math"

func (e *envelope) appendTo(b []byte) []byte {
	r := newRecord(b)
	r.trueIf('a', e.Again)
	r.bytes('b', e.Body)
	r.bytesIf('c', e.Caller)
	r.unsigned('e', e.Epoch)
	r.unsigned('k', uint64(e.Kind))
	if o := e.Once; o != nil {
		r.name('o')
		once := newRecord(r.b)
		once.text('c', o.Caller)
		once.bytes('k', o.Key)
		once.bytes('r', o.Request)
		r.b = once.done()
	}
	r.bytes('p', e.Proposal)
	r.unsigned('s', e.Seq)
	r.signed('t', e.At)
	return r.done()
}

func (e *envelope) readFrom(b []byte) bool {
	var out envelope
	r := reader{b: b}
	f := r.head()
	for name := r.next(&f); name != 0; name = r.next(&f) {
		switch name {
		case 'a':
			out.Again = r.trueIf()
		case 'b':
			out.Body = r.view() // Decode takes it apart at once
		case 'c':
			out.Caller = r.bytesIf()
		case 'e':
			out.Epoch = r.unsigned()
		case 'k':
			out.Kind = Kind(r.unsigned16())
		case 'o':
			out.Once = &Once{}
			out.Once.read(&r)
		case 'p':
			out.Proposal = r.bytes()
		case 's':
			out.Seq = r.unsigned()
		case 't':
			out.At = r.signed()
		default:
			r.bad = true
		}
	}
	if r.demand(f, "bekpst"); !r.done() {
		return false
	}
	*e = out
	return true
}

func (o *Once) read(r *reader) {
	f := r.head()
	for name := r.next(&f); name != 0; name = r.next(&f) {
		switch name {
		case 'c':
			o.Caller = r.text()
		case 'k':
			o.Key = r.bytes()
		case 'r':
			o.Request = r.bytes()
		default:
			r.bad = true
		}
	}
	r.demand(f, "ckr")
}

func (c *RotateKey) appendTo(b []byte) []byte {
	r := newRecord(b)
	r.name('v')
	r.b = c.Version.appendTo(r.b)
	r.unsignedIf('z', uint64(c.KeySize))
	return r.done()
}

func (c *RotateKey) readFrom(b []byte) bool {
	var out RotateKey
	r := reader{b: b}
	f := r.head()
	for name := r.next(&f); name != 0; name = r.next(&f) {
		switch name {
		case 'v':
			out.Version.read(&r)
		case 'z':
			n := r.unsignedIf()
			out.KeySize = uint32(n)
			r.bad = r.bad || n > math.MaxUint32
		default:
			r.bad = true
		}
	}
	if r.demand(f, "v"); !r.done() {
		return false
	}
	*c = out
	return true
}

func (v *KeyVersion) appendTo(b []byte) []byte {
	r := newRecord(b)
	r.signedIf('a', v.ActiveAt)
	r.signedIf('b', v.Activated)
	r.signed('c', v.Created)
	r.signedIf('h', v.Suspended)
	r.text('i', v.KID)
	r.trueIf('j', v.Imported)
	r.text('m', v.Mount)
	r.text('n', v.Name)
	r.bytes('p', v.Public)
	r.signedIf('r', v.Retired)
	r.text('s', string(v.State))
	r.text('t', string(v.Type))
	r.unsignedIf('u', v.Encryptions)
	r.unsigned('v', uint64(v.Number))
	r.signedIf('w', v.RemoveAt)
	r.bytes('x', v.Sealed)
	r.signedIf('y', v.Compromised)
	r.signedIf('z', v.Destroyed)
	return r.done()
}

func (v *KeyVersion) read(r *reader) {
	f := r.head()
	for name := r.next(&f); name != 0; name = r.next(&f) {
		switch name {
		case 'a':
			v.ActiveAt = r.signedIf()
		case 'b':
			v.Activated = r.signedIf()
		case 'c':
			v.Created = r.signed()
		case 'h':
			v.Suspended = r.signedIf()
		case 'i':
			v.KID = r.text()
		case 'j':
			v.Imported = r.trueIf()
		case 'm':
			v.Mount = r.text()
		case 'n':
			v.Name = r.text()
		case 'p':
			v.Public = r.bytes()
		case 'r':
			v.Retired = r.signedIf()
		case 's':
			v.State = r.versionState()
		case 't':
			v.Type = r.keyType()
		case 'u':
			v.Encryptions = r.unsignedIf()
		case 'v':
			v.Number = r.unsigned32()
		case 'w':
			v.RemoveAt = r.signedIf()
		case 'x':
			v.Sealed = r.bytes()
		case 'y':
			v.Compromised = r.signedIf()
		case 'z':
			v.Destroyed = r.signedIf()
		default:
			r.bad = true
		}
	}
	r.demand(f, "cimnpstvx")
}
