package task

// LogNames are the artifact names of a run's log.
type LogNames struct {
	Live    string `json:"live"`    // while the task runs
	Backing string `json:"backing"` // of the complete log
}

// LogNames returns the names that the payload gives, or the usual ones.
func (r *Run) LogNames() LogNames {
	usual := LogNames{Live: "public/logs/live.log", Backing: "public/logs/live_backing.log"}
	p := struct {
		Logs LogNames `json:"logs"`
	}{usual}
	if err := r.Decode(&p); err != nil {
		return usual
	}
	return p.Logs
}
