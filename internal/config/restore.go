package config

import "time"

// Restore says where backups may be put in the place of what lives, and who has to agree.
type Restore struct {
	// Targets is CAREFLOW_RESTORE_TARGETS: the databases that a restore may take the place
	// of, as name=URL like CAREFLOW_BACKUP_TARGETS. The role owns them or is a member of the
	// role that does, and has CREATEDB and pg_signal_backend. Only for the hosts that restore.
	Targets map[string]Secret
	// People is CAREFLOW_RESTORE_PEOPLE: how many different people have to approve that a
	// restore begins, that it swaps, and that it is undone. Defaults to 2, in development to
	// 1, which production refuses.
	People int
	// Drain is CAREFLOW_RESTORE_DRAIN: how long calls of vendors that were under way when a
	// restore's fence went up may take to end, before databases are exchanged. Defaults to
	// 35 s, longer than any of them.
	Drain time.Duration
}

func (r *reader) restore(environment Environment) Restore {
	people := 2
	if environment == Development {
		people = 1
	}
	o := Restore{
		Targets: r.targets("CAREFLOW_RESTORE_TARGETS"),
		People:  r.whole("CAREFLOW_RESTORE_PEOPLE", people, 1, 10),
		Drain:   r.duration("CAREFLOW_RESTORE_DRAIN", 35*time.Second, 0, 10*time.Minute),
	}
	if environment == Production && o.People < 2 {
		r.problem("CAREFLOW_RESTORE_PEOPLE", "is 1: in production nobody restores alone")
	}
	return o
}
