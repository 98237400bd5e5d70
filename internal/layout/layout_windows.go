package layout

const (
	configDir = `C:\ProgramData\start-worker`
	stateDir  = `C:\ProgramData\start-worker\state`
	runDir    = `C:\ProgramData\start-worker`
)
