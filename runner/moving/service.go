package moving

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// drainTime is how long start-worker gives its worker to end.
const drainTime = time.Minute

// service looks at how the system starts the programs.
func (l *look) service(s Service) {
	at := max(0, slices.IndexFunc(s.Command, isProgram)) // what is before it may set secrets
	detail := "starts " + strings.Join(s.Command[at:min(at+2, len(s.Command))], " ")
	if s.ours() {
		detail += ": it is ours already"
	} else {
		detail += ": ours takes the same arguments"
	}
	l.add(Stays, s.File, detail, "")
	switch s.Kind {
	case "systemd":
		l.unit(s)
	case "launchd":
		l.plist(s)
	case "rc":
		l.rc(s)
	case "nssm":
		l.add(Differs, s.File, "NSSM starts it; it goes on to do so with ours, which can be a service itself as well", "")
	}
}

func (l *look) unit(s Service) {
	if d, ok := seconds(s.Keys["TimeoutStopSec"]); ok && d <= drainTime && s.has("start-worker") {
		l.add(Differs, s.File, "TimeoutStopSec="+s.Keys["TimeoutStopSec"]+": ours gives its worker a minute to hand its tasks back, and the system would kill both before",
			"TimeoutStopSec=180")
	}
	restart := s.Keys["Restart"]
	if slices.Contains([]string{"always", "on-success", "on-failure"}, restart) && s.has("start-worker") {
		l.add(Differs, s.File, "Restart="+restart+": ours starts a worker that has crashed again by itself, and its machine is removed or left on purpose when start-worker ends",
			"leave Restart= out")
	}
	if s.Keys["KillMode"] == "process" {
		l.add(Differs, s.File, "KillMode=process leaves what tasks have left behind", "KillMode=mixed")
	}
	if l.m.OS == "linux" && s.Keys["Delegate"] == "" {
		l.add(Differs, s.File, "without Delegate= the worker cannot limit or count what a task uses, and ends tasks by their descendants instead of by a control group", "Delegate=yes")
	}
}

func (l *look) plist(s Service) {
	if !s.has("start-worker") {
		return
	}
	limit := 20 // seconds, when the file does not say it
	if n, err := strconv.Atoi(s.Keys["ExitTimeOut"]); err == nil {
		limit = n
	}
	if limit > 0 && time.Duration(limit)*time.Second <= drainTime {
		l.add(Differs, s.File, "launchd kills it "+strconv.Itoa(limit)+" seconds after it was asked to end; ours gives its worker a minute to hand its tasks back", "<key>ExitTimeOut</key><integer>180</integer>")
	}
	if s.Keys["KeepAlive"] == "true" || s.Keys["SuccessfulExit"] != "" {
		l.add(Differs, s.File, "KeepAlive: ours starts a worker that has crashed again by itself", "leave KeepAlive out")
	}
}

// seconds reads a time span of systemd in its simplest forms.
func seconds(text string) (time.Duration, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(n) * time.Second, true
	}
	d, err := time.ParseDuration(strings.NewReplacer("min", "m", "sec", "s", " ", "").Replace(text))
	return d, err == nil
}
