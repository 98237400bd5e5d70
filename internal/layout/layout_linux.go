package layout

const (
	configDir = "/etc/start-worker"
	stateDir  = "/var/lib/start-worker"
	runDir    = "/run"
)
