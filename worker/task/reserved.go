package task

import "github.com/workerkit/workerkit/internal/cot"

// The artifacts that lead to the interactive shells.
const (
	ShellName    = "private/generic-worker/shell.html"    // to the deployment's page
	TerminalName = "private/generic-worker/terminal.html" // to the worker's own
)

// Reserved are the names of artifacts that the features of this run make themselves, each with what it
// is for. An artifact of the payload that has one is left out.
func (r *Run) Reserved() map[string]string {
	names := map[string]string{}
	logs := r.LogNames()
	if r.Feature("liveLog", true) {
		names[logs.Live] = "the task's log"
	}
	if r.Feature("backingLog", true) {
		names[logs.Backing] = "the task's log"
	}
	if r.Certified() {
		for _, name := range []string{cot.CertificateName, cot.SignatureName, cot.LogName} {
			names[name] = "the chain of trust"
		}
	}
	if r.Feature("interactive", false) {
		names[ShellName] = "the interactive shell"
		names[TerminalName] = "the interactive shell"
	}
	for _, folder := range []string{"public", "private"} { // as the log is
		for _, kind := range []string{"json", "html"} {
			names[folder+"/workerkit/resources."+kind] = "the chart of the task's resources"
		}
	}
	var desktop struct {
		Info string `json:"rdpInfo"`
	}
	if r.Decode(&desktop) == nil && desktop.Info != "" {
		names[desktop.Info] = "the access to the desktop"
	}
	return names
}
