package state

import (
	"slices"
	"testing"
)

// What a restore changes in a record, and does not bring back as it was, is listed once.
func TestARecordIsListedOnce(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("soft", 1))
	m.ok(createKey("kept", 1))
	m.ok(application("app"))
	backup := backupOf(t, m.s)
	yes, day := true, int64(24*3600e9)
	for _, name := range []string{"soft", "kept"} {
		m.ok(&ConfigKey{Mount: testMount, Name: name, DeletionAllowed: &yes, AutoRotate: &day})
	}
	m.ok(&DeleteKey{Mount: testMount, Name: "soft", Grace: day})
	app := application("app")
	app.Application.Description = "another"
	m.ok(app)
	m.ok(&SetApplicationState{Name: "app", Blocked: true})
	s, changes := Merge(m.s, backup, hash("root"))
	if k := s.Key(testMount, "soft"); k.Deleted == 0 || k.AutoRotate != 0 || k.DeletionAllowed {
		t.Errorf("the merge does not change the deleted key: %+v", k)
	}
	if a := s.Application("app"); a.State() != ApplicationBlocked || a.Description != "" {
		t.Errorf("the merge does not change the blocked application: %+v", a)
	}
	keys, apps := changeOf(changes, OfKeys), changeOf(changes, OfApplications)
	if !slices.Equal(keys.Changed.First, []string{"transit/kept"}) || !slices.Equal(keys.Withheld.First, []string{"transit/soft"}) {
		t.Errorf("keys: %+v", keys)
	}
	if apps.Changed.Count != 0 || !slices.Equal(apps.Withheld.First, []string{"app"}) {
		t.Errorf("applications: %+v", apps)
	}
}
