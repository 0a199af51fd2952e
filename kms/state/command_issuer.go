package state

// CreateIssuer makes an issuer with its key, whose first version signs at once.
// Result: *Issuer.
type CreateIssuer struct {
	Issuer  Issuer     `codec:"i"`
	Key     Key        `codec:"k"`
	Version KeyVersion `codec:"v"`
}

// ConfigIssuer changes what is set. Result: *Issuer.
type ConfigIssuer struct {
	Name            string  `codec:"n"`
	JWKSURI         *string `codec:"j,omitempty"`
	MaxAge          *int64  `codec:"x,omitempty"`
	Leeway          *int64  `codec:"l,omitempty"`
	Lead            *int64  `codec:"d,omitempty"`
	Period          *int64  `codec:"p,omitempty"`
	DeletionAllowed *bool   `codec:"b,omitempty"`
}

// DeleteIssuer takes an issuer out of use with its key, which is destroyed when
// the grace period is over, and the issuer with it. Result: *Issuer.
type DeleteIssuer struct {
	Name  string `codec:"n"`
	Grace int64  `codec:"g,omitempty"` // nanoseconds
}

// UndeleteIssuer puts a deleted issuer back to use. Result: *Issuer.
type UndeleteIssuer struct {
	Name string `codec:"n"`
}

// PutProfile writes a profile. Result: *Issuer.
type PutProfile struct {
	Profile Profile `codec:"p"`
}

// DeleteProfile removes a profile. Result: *Issuer.
type DeleteProfile struct {
	Issuer string `codec:"i"`
	Name   string `codec:"n"`
}

// RotateIssuer publishes the next version of an issuer's key. It is pending for
// the issuer's lead time. Result: *Issuer.
type RotateIssuer struct {
	Issuer  string     `codec:"i"`
	Version KeyVersion `codec:"v"`
	KeySize uint32     `codec:"z,omitempty"` // of a version that is brought in: bytes of an hmac key
}

// ActivateIssuer makes the pending version the one that signs, when its time has
// come, and retires the one before it. Result: *Issuer.
type ActivateIssuer struct {
	Issuer string `codec:"i"`
	Number uint32 `codec:"v"`
}

// CancelRotation takes the pending version back and erases it. Its number is not
// used again. Result: *Issuer.
type CancelRotation struct {
	Issuer string `codec:"i"`
}

// UnpublishVersion takes a retired or compromised version out of the JWKS when no
// token under it is alive, and erases its private half. Result: *Issuer.
type UnpublishVersion struct {
	Issuer string `codec:"i"`
	Number uint32 `codec:"v"`
}

// CompromiseVersion gives a version up at once. If it signs, the pending one
// takes over, or Next does, which was made for this. Result: *Issuer.
type CompromiseVersion struct {
	Issuer string      `codec:"i"`
	Number uint32      `codec:"v"`
	Next   *KeyVersion `codec:"x,omitempty"`
}
