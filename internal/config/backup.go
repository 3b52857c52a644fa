package config

import (
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Backup says what is saved, where to, when, and for how long it is kept.
type Backup struct {
	// Storage is CAREFLOW_BACKUP_STORAGE: the URL of a bucket or a folder, such as
	// s3://clinic-backups?region=eu-central-1 or file:///var/backups/careflow. Credentials
	// come from the provider's own variables, never from the URL. Defaults to none:
	// nothing is backed up.
	Storage string
	// Targets is CAREFLOW_BACKUP_TARGETS: the databases to save, as name=URL, separated by
	// spaces or lines: clinic=postgres://backup:…@db/careflow. The role needs
	// pg_read_all_data and nothing else.
	Targets map[string]Secret
	// Names is CAREFLOW_BACKUP_NAMES: the names of the targets, separated by commas, for the
	// processes that do not hold their URLs: the API, temporal-setup. Defaults to the names
	// in CAREFLOW_BACKUP_TARGETS; none: nothing is saved.
	Names []string
	// Scratch is CAREFLOW_BACKUP_SCRATCH_URL: the server on which backups are proven. Its
	// role needs CREATEDB. Only workers that prove or restore have it.
	Scratch Secret
	// Recipients is CAREFLOW_BACKUP_RECIPIENTS: public keys (age1…) separated by commas, two
	// or more, one of them kept offline.
	Recipients []string
	// Identity is CAREFLOW_BACKUP_IDENTITY: the private key (AGE-SECRET-KEY-1…) that opens
	// backups. Only workers that prove or restore have it.
	Identity Secret
	// Signing is CAREFLOW_BACKUP_SIGNING_KEYS: Ed25519 seeds that sign manifests, and
	// whose signatures count.
	Signing KeyRing
	// Tools is CAREFLOW_BACKUP_TOOLS: the folder of pg_dump, pg_dumpall and pg_restore.
	// Defaults to the PATH.
	Tools string
	// Window, Grace and Fresh are CAREFLOW_BACKUP_WINDOW, _GRACE and _FRESH: how long every
	// restore point is kept (15 days), how long a removed one lies under its tombstone
	// (3 days), and how old the newest proven one may be (26 hours).
	Window, Grace, Fresh time.Duration
	// At and Zone are CAREFLOW_BACKUP_AT and _ZONE: the time of day of the nightly backup,
	// as hh:mm in a named zone. Default to 03:30 UTC. Not from 01:00 to 03:00 in a zone
	// with summer time: those hours may not exist, or come twice.
	At, Zone string
	// To is CAREFLOW_OPS_MAIL: who is told when a job needs people, separated by commas.
	To []string
}

// Enabled reports whether anything is backed up.
func (b Backup) Enabled() bool { return b.Storage != "" }

func (r *reader) backup() Backup {
	b := Backup{
		Storage:    r.bucket("CAREFLOW_BACKUP_STORAGE"),
		Targets:    r.targets("CAREFLOW_BACKUP_TARGETS"),
		Scratch:    r.secret("CAREFLOW_BACKUP_SCRATCH_URL"),
		Names:      list(r.text("CAREFLOW_BACKUP_NAMES", "")),
		Recipients: list(r.plain("CAREFLOW_BACKUP_RECIPIENTS")),
		Identity:   r.secret("CAREFLOW_BACKUP_IDENTITY"),
		Signing:    r.keys("CAREFLOW_BACKUP_SIGNING_KEYS"),
		Tools:      r.text("CAREFLOW_BACKUP_TOOLS", ""),
		Window:     r.duration("CAREFLOW_BACKUP_WINDOW", 15*24*time.Hour, 24*time.Hour, 10*365*24*time.Hour),
		Grace:      r.duration("CAREFLOW_BACKUP_GRACE", 3*24*time.Hour, 0, 90*24*time.Hour),
		Fresh:      r.duration("CAREFLOW_BACKUP_FRESH", 26*time.Hour, time.Hour, 30*24*time.Hour),
		At:         r.text("CAREFLOW_BACKUP_AT", "03:30"),
		Zone:       r.text("CAREFLOW_BACKUP_ZONE", "UTC"),
		To:         list(r.text("CAREFLOW_OPS_MAIL", "")),
	}
	if len(b.Names) == 0 {
		for name := range b.Targets {
			b.Names = append(b.Names, name)
		}
	}
	slices.Sort(b.Names)
	r.checkBackup(b)
	return b
}

func (r *reader) checkBackup(b Backup) {
	for _, to := range b.To {
		if _, err := mail.ParseAddress(to); err != nil {
			r.problem("CAREFLOW_OPS_MAIL", "holds something that is no e-mail address: write addresses separated by commas")
		}
	}
	for _, name := range b.Names {
		if err := domain.ValidTarget(name); err != nil {
			r.problem("CAREFLOW_BACKUP_NAMES", "holds %q, which cannot name a target: write lower-case letters, digits, _ and -", name)
		}
	}
	if len(b.Recipients) == 1 {
		r.problem("CAREFLOW_BACKUP_RECIPIENTS", "holds one key: write two or more, one of them kept offline, so that a lost key loses no backup")
	}
	if _, _, err := b.Time(); err != nil {
		r.problem("CAREFLOW_BACKUP_AT", "is %q: write hh:mm, such as 03:30", b.At)
	}
	zone, err := time.LoadLocation(b.Zone)
	if err != nil || b.Zone == "Local" {
		r.problem("CAREFLOW_BACKUP_ZONE", "is %q: write an IANA zone such as Europe/Berlin", b.Zone)
		return
	}
	if b.At >= "01:00" && b.At < "03:00" && changes(zone) {
		r.problem("CAREFLOW_BACKUP_AT", "is %s, which does not exist or comes twice when clocks change in %s: write 03:00 or later", b.At, b.Zone)
	}
}

// Time is the hour and minute of the nightly backup.
func (b Backup) Time() (hour, minute int, err error) {
	t, err := time.Parse("15:04", b.At)
	return t.Hour(), t.Minute(), err
}

// changes reports whether clocks change in a zone in the course of a year.
func changes(zone *time.Location) bool {
	_, winter := time.Date(2026, 1, 15, 12, 0, 0, 0, zone).Zone()
	_, summer := time.Date(2026, 7, 15, 12, 0, 0, 0, zone).Zone()
	return winter != summer
}

func (r *reader) bucket(variable string) string {
	text := r.text(variable, "")
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || !slices.Contains([]string{"file", "s3", "gs", "azblob"}, u.Scheme) {
		r.problem(variable, "is no storage: write file:///folder, s3://bucket, gs://bucket or azblob://container")
		return ""
	}
	if u.User != nil {
		r.problem(variable, "holds credentials: give them by the provider's own variables instead")
	}
	return text
}

// targets reads name=URL pairs; only the names are shown.
func (r *reader) targets(variable string) map[string]Secret {
	r.secrets = append(r.secrets, variable)
	targets := map[string]Secret{}
	for i, pair := range strings.Fields(r.reveal(variable)) {
		name, target, ok := strings.Cut(pair, "=")
		u, err := url.Parse(target)
		if !ok || err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			r.problem(variable, "pair %d is not name=postgres://…", i+1)
			continue
		}
		targets[name] = NewSecret(target)
	}
	names := make([]string, 0, len(targets))
	for name := range targets {
		names = append(names, name)
	}
	slices.Sort(names)
	r.note(variable, strconv.Itoa(len(names))+" "+strings.Join(names, " "))
	return targets
}

func list(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
