package state

// The kinds of command that are about applications and their credentials.
const (
	KindPutApplication Kind = 34 + iota
	KindSetApplicationState
	KindDeleteApplication
	KindPutAppRole
	KindDeleteAppRole
	KindCreateSecretID
	KindDeleteSecretID
	KindLoginAppRole
	KindUseSecretID
)

// PutApplication registers an application, or writes what is said about one. When
// it was made, logged in or blocked is not part of that. Result: *Application.
type PutApplication struct {
	Application Application `codec:"a"`
}

// SetApplicationState blocks an application, or ends its block. A blocked one that
// is blocked again gets the new reason. Result: *Application.
type SetApplicationState struct {
	Name    string `codec:"n"`
	Blocked bool   `codec:"b,omitempty"`
	Reason  string `codec:"r,omitempty"`
}

// DeleteApplication removes an application that no role names, and every token
// that belongs to it: whoever registers the name again must not find them alive.
// One that does not exist is no error. Result: int, the number of tokens removed.
type DeleteApplication struct {
	Name string `codec:"n"`
}

// PutAppRole writes a role. Its secret ids stay. Result: nil.
type PutAppRole struct {
	Role AppRole `codec:"r"`
}

// DeleteAppRole removes a role and its secret ids; one that does not exist is no
// error. Tokens of its logins stay. Result: bool, whether it existed.
type DeleteAppRole struct {
	Name string `codec:"n"`
}

// CreateSecretID stores a new secret id. Result: nil.
type CreateSecretID struct {
	SecretID SecretID `codec:"s"`
}

// DeleteSecretID removes a secret id; one that does not exist is no error. Result:
// bool, whether it existed.
type DeleteSecretID struct {
	Role string `codec:"r"`
	Hash []byte `codec:"h"`
}

// LoginAppRole spends a use of a secret id, stores the token that the login gives,
// and makes the application active: all of it or nothing, so that no crash gives a
// use back. A token that may do more than a login gives by now is refused with
// ErrRoleChanged. Result: *SecretID as it is after, or nil without one.
type LoginAppRole struct {
	Role   string `codec:"r"`
	RoleID string `codec:"i"`           // the role's still
	Hash   []byte `codec:"h,omitempty"` // of the secret id; absent for a role that wants none
	Token  Token  `codec:"t"`
}

// UseSecretID spends a use of a secret id for a request that makes no token.
// Result: *SecretID as it is after, or nil without one.
type UseSecretID struct {
	Role   string `codec:"r"`
	RoleID string `codec:"i"`
	Hash   []byte `codec:"h,omitempty"`
}

func (*PutApplication) Kind() Kind      { return KindPutApplication }
func (*SetApplicationState) Kind() Kind { return KindSetApplicationState }
func (*DeleteApplication) Kind() Kind   { return KindDeleteApplication }
func (*PutAppRole) Kind() Kind          { return KindPutAppRole }
func (*DeleteAppRole) Kind() Kind       { return KindDeleteAppRole }
func (*CreateSecretID) Kind() Kind      { return KindCreateSecretID }
func (*DeleteSecretID) Kind() Kind      { return KindDeleteSecretID }
func (*LoginAppRole) Kind() Kind        { return KindLoginAppRole }
func (*UseSecretID) Kind() Kind         { return KindUseSecretID }

func blankApplication(k Kind) (Command, bool) {
	switch k {
	case KindPutApplication:
		return &PutApplication{}, true
	case KindSetApplicationState:
		return &SetApplicationState{}, true
	case KindDeleteApplication:
		return &DeleteApplication{}, true
	case KindPutAppRole:
		return &PutAppRole{}, true
	case KindDeleteAppRole:
		return &DeleteAppRole{}, true
	case KindCreateSecretID:
		return &CreateSecretID{}, true
	case KindDeleteSecretID:
		return &DeleteSecretID{}, true
	case KindLoginAppRole:
		return &LoginAppRole{}, true
	case KindUseSecretID:
		return &UseSecretID{}, true
	}
	return nil, false
}
