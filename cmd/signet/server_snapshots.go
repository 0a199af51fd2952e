package main

import (
	"path/filepath"
	"time"

	"github.com/signet-kms/signet/kms"
)

// snapshotsConfig has the leader write backups by itself.
type snapshotsConfig struct {
	Directory string `hcl:"directory,optional"` // data_dir/snapshots if absent
	Every     string `hcl:"every,optional"`     // a duration; a day if absent
	Keep      int    `hcl:"keep,optional"`      // 7 if absent

	every time.Duration
}

func (c *serverConfig) checkSnapshots() error {
	s := c.Snapshots
	if s == nil {
		return nil
	}
	def(&s.Directory, filepath.Join(c.DataDir, "snapshots"))
	def(&s.Every, "24h")
	var err error
	if s.every, err = time.ParseDuration(s.Every); err != nil || s.every < kms.MinBackupEvery {
		return wrong("every", "%q is no duration from %s on, such as 24h", s.Every, kms.MinBackupEvery)
	}
	if s.Keep == 0 {
		s.Keep = 7
	}
	if s.Keep < 1 {
		return wrong("keep", "at least one snapshot is kept, not %d", s.Keep)
	}
	return nil
}

func (c *serverConfig) schedule() kms.BackupPlan {
	if c.Snapshots == nil {
		return kms.BackupPlan{}
	}
	return kms.BackupPlan{Dir: c.Snapshots.Directory, Every: c.Snapshots.every, Keep: c.Snapshots.Keep}
}
