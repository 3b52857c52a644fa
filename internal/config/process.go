package config

// Process names what is about to start. Each process requires only the secrets that it
// uses, so that a machine which only migrates holds no vendor's key.
type Process string

// The processes.
const (
	API           Process = "api"
	WorkerProcess Process = "worker"
	CodecServer   Process = "codec-server"
	Migrate       Process = "migrate"
	Seed          Process = "seed"
	FirstAdmin    Process = "first-admin"
	TemporalSetup Process = "temporal-setup"
	RewrapKeys    Process = "keys rewrap"
	ApprovalKeys  Process = "keys approval"
	UnwrapKeys    Process = "keys unwrap"
	HistoryCost   Process = "history-cost"
	Clinic        Process = "clinic"
	Import        Process = "import"
	BackupWorker  Process = "backup-worker"
	DeployWorker  Process = "deploy-worker"
	HostAgent     Process = "agent"
	WorkerReplay  Process = "worker replay"

	RestoreOffline Process = "restore offline"
	ListOffline    Process = "restore offline list"
	UndoOffline    Process = "restore offline --undo"
)

// required lists the variables that have no default and without which a process cannot
// do its work.
var required = map[Process][]string{
	API: {
		"CAREFLOW_DATABASE_URL", "CAREFLOW_PAYLOAD_KEYS", "CAREFLOW_COLUMN_KEYS", "CAREFLOW_SIGNING_KEYS",
		"CAREFLOW_COMMAND_KEYS", "CAREFLOW_LINK_KEYS", "CAREFLOW_STRIPE_PUBLISHABLE_KEY", "CAREFLOW_STRIPE_WEBHOOK_SECRET",
	},
	WorkerProcess: {
		"CAREFLOW_DATABASE_URL", "CAREFLOW_PAYLOAD_KEYS", "CAREFLOW_COLUMN_KEYS", "CAREFLOW_LINK_KEYS",
		"CAREFLOW_STRIPE_KEY", "CAREFLOW_SENDGRID_KEY",
	},
	CodecServer:   {"CAREFLOW_DATABASE_URL", "CAREFLOW_PAYLOAD_KEYS", "CAREFLOW_COMMAND_KEYS"},
	Migrate:       {"CAREFLOW_DATABASE_URL"},
	Seed:          {"CAREFLOW_DATABASE_URL"},
	FirstAdmin:    {"CAREFLOW_DATABASE_URL"},
	TemporalSetup: {},
	RewrapKeys:    {"CAREFLOW_DATABASE_URL", "CAREFLOW_COLUMN_KEYS"},
	ApprovalKeys:  {"CAREFLOW_SIGNING_KEYS"},
	UnwrapKeys:    {"CAREFLOW_COLUMN_KEYS"},
	HistoryCost:   {},
	Clinic:        {"CAREFLOW_DATABASE_URL"},
	Import:        {"CAREFLOW_DATABASE_URL"},
	DeployWorker:  {"CAREFLOW_PAYLOAD_KEYS", "CAREFLOW_DEPLOY_SERVICES"},
	BackupWorker: {
		"CAREFLOW_DATABASE_URL", "CAREFLOW_PAYLOAD_KEYS", "CAREFLOW_BACKUP_STORAGE", "CAREFLOW_BACKUP_TARGETS",
		"CAREFLOW_BACKUP_RECIPIENTS", "CAREFLOW_BACKUP_SIGNING_KEYS",
	},
	HostAgent:    {"CAREFLOW_PAYLOAD_KEYS", "CAREFLOW_AGENT_HOST"},
	WorkerReplay: {"CAREFLOW_PAYLOAD_KEYS"},
	RestoreOffline: {
		"CAREFLOW_BACKUP_STORAGE", "CAREFLOW_BACKUP_SIGNING_KEYS", "CAREFLOW_BACKUP_IDENTITY", "CAREFLOW_RESTORE_TARGETS",
	},
	ListOffline: {"CAREFLOW_BACKUP_STORAGE", "CAREFLOW_BACKUP_SIGNING_KEYS"},
	UndoOffline: {"CAREFLOW_RESTORE_TARGETS"},
}

// requires reports whether p cannot start without the variable.
func (p Process) requires(variable string) bool {
	for _, v := range required[p] {
		if v == variable {
			return true
		}
	}
	return false
}

// callsTemporal reports whether p opens a connection to Temporal.
func (p Process) callsTemporal() bool {
	return p == API || p == WorkerProcess || p == TemporalSetup || p == HistoryCost || p == BackupWorker || p == DeployWorker ||
		p == HostAgent || p == WorkerReplay
}

// facesBrowsers reports whether p writes links or cookies under the public URL.
func (p Process) facesBrowsers() bool { return p == API || p == WorkerProcess || p == CodecServer }
