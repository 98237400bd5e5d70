package layout

const (
	configDir = "/usr/local/etc/start-worker"
	stateDir  = "/var/db/start-worker"
	runDir    = "/var/run"
)
