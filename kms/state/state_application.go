package state

import iradix "github.com/hashicorp/go-immutable-radix/v2"

// Application returns an application by its name, or nil.
func (s *State) Application(name string) *Application {
	a, _ := s.applications.Get([]byte(name))
	return a
}

// ApplicationNames returns the names of the applications, sorted.
func (s *State) ApplicationNames() []string {
	var names []string
	s.applications.Root().Walk(func(_ []byte, a *Application) bool { names = append(names, a.Name); return false })
	return names
}

// AppRole returns a role by its name, or nil.
func (s *State) AppRole(name string) *AppRole {
	r, _ := s.approles.Get([]byte(name))
	return r
}

// AppRoleByID returns a role by its role id, or nil.
func (s *State) AppRoleByID(id string) *AppRole {
	name, ok := s.roleIDs.Get([]byte(id))
	if !ok {
		return nil
	}
	return s.AppRole(name)
}

// AppRoleNames returns the names of the roles, sorted.
func (s *State) AppRoleNames() []string {
	var names []string
	s.approles.Root().Walk(func(_ []byte, r *AppRole) bool { names = append(names, r.Name); return false })
	return names
}

// AppRolesOf returns the names of the roles that name an application, sorted.
func (s *State) AppRolesOf(application string) []string {
	return rolesOf(s.approles.Root(), application)
}

func rolesOf(roles *iradix.Node[*AppRole], application string) (names []string) {
	roles.Walk(func(_ []byte, r *AppRole) bool {
		if r.Application == application {
			names = append(names, r.Name)
		}
		return false
	})
	return names
}

// SecretID returns the secret id of a role with a hash, or nil. It may be expired.
func (s *State) SecretID(role string, hash []byte) *SecretID {
	id, _ := s.secretIDs.Get(secretPath(role, hash))
	return id
}

// SecretIDByAccessor returns the secret id of a role with an accessor, or nil.
func (s *State) SecretIDByAccessor(role, accessor string) (found *SecretID) {
	prefix, ok := secretAccessorPrefix(accessor)
	if !ok {
		return nil
	}
	s.secretIDs.Root().WalkPrefix(secretPath(role, prefix), func(_ []byte, id *SecretID) bool {
		if id.Accessor == accessor {
			found = id
		}
		return found != nil
	})
	return found
}

// SecretIDs calls fn for each secret id of a role, expired ones among them.
func (s *State) SecretIDs(role string, fn func(*SecretID)) {
	s.secretIDs.Root().WalkPrefix(secretPath(role, nil), func(_ []byte, id *SecretID) bool { fn(id); return false })
}

// secretPath is the radix key of a secret id. The zero byte, which no name holds,
// keeps those of the role "a" apart from those of "ab".
func secretPath(role string, hash []byte) []byte {
	path := make([]byte, 0, len(role)+1+len(hash))
	return append(append(append(path, role...), 0), hash...)
}
