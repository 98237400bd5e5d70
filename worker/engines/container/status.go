package container

import (
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// The exit codes of docker run for commands that could not be started, and of what a signal ended.
const (
	notExecutable = 126
	notFound      = 127
	signalled     = 128
	lastSignal    = 64
)

// notStarted tells whether a container could not be started because of its command, its working
// directory or a mount's place, and its exit code then. The engines say it by text alone.
func notStarted(err error) (code int, ours bool) {
	text := strings.ToLower(err.Error())
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	runtime := has("oci runtime", "runc", "crun", "container_linux", "starting container process")
	switch {
	case !runtime:
		return 0, false
	case has("no space left", "cannot allocate memory", "resource temporarily unavailable", "cgroup", "rlimit", "unable to apply caps"):
		return 0, false
	case has("error mounting", "invalid mount", "ptmx"): // a place where nothing can be: /proc, /dev
		return notExecutable, true
	case has("permission denied", "is a directory", "exec format error", "argument list too long", "file name too long", "too many levels of symbolic links"):
		return notExecutable, true
	case has("executable file not found", "no such file or directory", "not found in $path"):
		return notFound, true
	case has("not a directory", "mkdir", "chdir", "unable to find user", "no such user"):
		return notExecutable, true
	}
	return 0, false
}

// footer writes the lines after the command and says how it ended.
func (s *sandbox) footer(state *container.State, wall time.Duration) engines.Status {
	if s.wasAborted() {
		s.run.Log.Info("Command ABORTED after %s: process aborted\n", wall)
		return engines.Status{Aborted: true, ExitCode: engines.ExitAborted, Reason: "process aborted"}
	}
	var used account
	s.mu.Lock()
	if s.meter != nil {
		used = s.meter.last()
	}
	s.mu.Unlock()
	status := engines.Status{ExitCode: engines.ExitUnknown, Reason: "how the container ended is not known"}
	if state != nil {
		status = ended(state.ExitCode)
		if state.OOMKilled && used.kills == 0 { // it was over before it was read, and so was the peak
			used.kills, used.peak = 1, 0
		}
	}
	limits := s.engine.config.Limits
	status = limited(status, limits, used)
	result, peak := "SUCCEEDED", ""
	if !status.Success {
		result = "FAILED"
	}
	if limits.Memory > 0 && used.peak > 0 {
		peak = fmt.Sprintf("%32s: %.2f MiB\n", "Peak Task Memory Used", float64(used.peak)/(1<<20))
	}
	const label = "%32s: %v\n"
	s.run.Log.Info(label+label+label+label+"%s%32s: %v",
		"Exit Code", status.ExitCode, "User Time", used.user, "Kernel Time", used.kernel, "Wall Time", wall, peak, "Result", result)
	return status
}

// ended says what an exit code means.
func ended(code int) engines.Status {
	status := engines.Status{Success: code == 0, ExitCode: code}
	switch {
	case code == 0:
	case code > signalled && code <= signalled+lastSignal:
		status.Reason = fmt.Sprintf("exit status %d: killed by signal %d, or a program that says so", code, code-signalled)
	default:
		status.Reason = fmt.Sprintf("exit status %d", code)
	}
	return status
}

// limited says whether a limit, or the want of memory, had a part in the end. A process of the task
// that the system killed is a failure, whatever the command made of it.
func limited(status engines.Status, limits proc.Limits, used account) engines.Status {
	const batch = 1 << 20 // in which the system takes memory: the peak stays so far below the limit
	reached := limits.Memory > 0 && (used.peak == 0 || used.peak+batch >= limits.Memory)
	switch {
	case used.kills > 0 && reached:
		status.Success = false
		status.Reason = fmt.Sprintf("the task used more than its %d MiB of memory (workerkit.taskLimits) and was killed by the system", limits.Memory>>20)
	case status.Success:
	case used.kills > 0:
		status.Reason += "; there was no memory left on the machine, and the system killed a process of the task"
	case used.refused > 0:
		status.Reason += fmt.Sprintf("; the task was at its limit of %d processes and threads (workerkit.taskLimits)", limits.Processes)
	}
	return status
}
