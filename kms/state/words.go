package state

// Words that every version has are the constants' own. A copy for each version would be
// garbage of each rotation, and far away when an answer about a key looks at the states
// of its versions.

func (r *reader) versionState() VersionState {
	b := r.characters()
	switch string(b) {
	case string(Pending):
		return Pending
	case string(Active):
		return Active
	case string(Suspended):
		return Suspended
	case string(Retired):
		return Retired
	case string(Compromised):
		return Compromised
	case string(Destroyed):
		return Destroyed
	}
	return VersionState(b)
}

func (r *reader) keyType() KeyType {
	b := r.characters()
	switch string(b) {
	case string(ECDSAP256):
		return ECDSAP256
	case string(ECDSAP384):
		return ECDSAP384
	case string(ECDSAP521):
		return ECDSAP521
	case string(Ed25519):
		return Ed25519
	case string(RSA2048):
		return RSA2048
	case string(RSA3072):
		return RSA3072
	case string(RSA4096):
		return RSA4096
	case string(AES128GCM):
		return AES128GCM
	case string(AES256GCM):
		return AES256GCM
	case string(ChaCha20):
		return ChaCha20
	case string(XChaCha20):
		return XChaCha20
	case string(HMAC):
		return HMAC
	}
	return KeyType(b)
}
