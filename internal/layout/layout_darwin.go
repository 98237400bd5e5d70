package layout

const (
	configDir = "/etc/start-worker"
	stateDir  = "/var/db/start-worker"
	runDir    = "/var/run"
)
