package config

import (
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// Validate tells all that is wrong, one problem a line.
func (c *Config) Validate() error {
	var problems []string
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	for _, k := range []struct{ name, value string }{
		{"accessToken", c.AccessToken.Reveal()}, {"cachesDir", c.CachesDir}, {"clientId", c.ClientID},
		{"downloadsDir", c.DownloadsDir}, {"ed25519SigningKeyLocation", c.Ed25519SigningKeyLocation},
		{"livelogExecutable", c.LivelogExecutable}, {"provisionerId", c.ProvisionerID}, {"rootURL", c.RootURL},
		{"tasksDir", c.TasksDir}, {"workerGroup", c.WorkerGroup}, {"workerId", c.WorkerID}, {"workerType", c.WorkerType},
	} {
		add(k.value == "", "%s must be set", k.name)
	}
	add(c.RootURL != "" && !isRoot(c.RootURL), "rootURL must be https:// (or http://) and a host, without a user or a query")
	for _, k := range []struct{ name, value string }{{"workerGroup", c.WorkerGroup}, {"workerId", c.WorkerID}} {
		add(k.value != "" && !isName(k.value), "%s must have 1 to 38 letters, digits, - or _", k.name)
	}
	for _, k := range []struct {
		name  string
		value uint
	}{{"idleTimeoutSecs", c.IdleTimeoutSecs}, {"numberOfTasksToRun", c.NumberOfTasksToRun}, {"requiredDiskSpaceMegabytes", c.RequiredDiskSpaceMegabytes},
		{"workerkit.killGraceSecs", c.Workerkit.KillGraceSecs}, {"workerkit.cancelPollSecs", c.Workerkit.CancelPollSecs},
		{"workerkit.maxFaultyRuns", c.Workerkit.MaxFaultyRuns}, {"workerkit.stuckAfterSecs", c.Workerkit.StuckAfterSecs},
		{"workerkit.taskLimits.memoryMegabytes", c.Workerkit.TaskLimits.MemoryMegabytes},
		{"workerkit.taskLimits.processes", c.Workerkit.TaskLimits.Processes}} {
		add(k.value > math.MaxInt32, "%s must be at most %d", k.name, math.MaxInt32)
	}
	add(c.Workerkit.TaskLimits.CPUWeight > 10000, "workerkit.taskLimits.cpuWeight must be 1 to 10000, or 0 for none")
	add(c.Capacity == 0, "capacity must be at least 1")
	add(c.LoopbackAudioDeviceNumber > 31, "loopbackAudioDeviceNumber must be at most 31")
	containers := c.D2GConfig.EnableD2G || c.Workerkit.Engine == EngineContainer
	add(containers && runtime.GOOS != "linux", "d2gConfig.enableD2G cannot be true on %s: docker-worker payloads run in containers of Linux; run them on Linux, or set it to false", runtime.GOOS)
	add(c.DisableNativePayloads && !containers, "disableNativePayloads cannot be true without d2gConfig.enableD2G: there would be no payload that this worker runs")
	add((c.LivelogCertificate == "") != (c.LivelogKey == ""), "livelogCertificate and livelogKey must be set together")
	add((c.WSTAudience == "") != (c.WSTServerURL == ""), "wstAudience and wstServerURL must be set together")
	add(c.WSTServerURL != "" && !isTunnel(c.WSTServerURL), "wstServerURL must be https:// or wss:// (or http://, ws://) and a host, without a user or a query")
	problems = append(append(problems, c.preloaded()...), c.ports()...)
	if len(problems) > 0 {
		return fmt.Errorf("%w: %s", ErrInvalid, strings.Join(problems, "; "))
	}
	return nil
}

func isRoot(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// isTunnel tells whether a text is the URL of a websocktunnel server.
func isTunnel(text string) bool {
	if rest, found := strings.CutPrefix(text, "ws"); found {
		text = "http" + rest
	}
	return isRoot(text)
}

// isName tells whether the queue takes a text as the name of a worker or a group of them.
func isName(text string) bool {
	const most = 38
	return len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// preloaded checks the directories that become caches.
func (c *Config) preloaded() (problems []string) {
	caches, directories := map[string]bool{}, map[string]bool{}
	for i, one := range c.Workerkit.PreloadedCaches {
		key, directory := fmt.Sprintf("workerkit.preloadedCaches[%d]", i), filepath.Clean(one.Directory)
		switch {
		case one.CacheName == "":
			problems = append(problems, key+".cacheName must be set")
		case caches[one.CacheName]:
			problems = append(problems, key+".cacheName is that of another one")
		}
		switch {
		case !filepath.IsAbs(one.Directory):
			problems = append(problems, key+".directory must be an absolute path")
		case directories[directory]:
			problems = append(problems, key+".directory is that of another one")
		}
		caches[one.CacheName], directories[directory] = true, true
	}
	return problems
}

// portsPerSlot is how far apart the public program puts the ports of two slots.
const portsPerSlot = 4

// ports checks, as the public program does, that the ranges of the features that are on do not
// overlap: slot i of the capacity has each base port plus 4·i.
func (c *Config) ports() []string {
	type portRange struct {
		key  string
		from int
		each int // ports a slot
		on   bool
	}
	ranges := []portRange{
		{"livelogPortBase", int(c.LivelogPortBase), 2, c.EnableLiveLog},
		{"interactivePort", int(c.InteractivePort), 1, c.EnableInteractive},
		{"taskclusterProxyPort", int(c.TaskclusterProxyPort), 1, c.EnableTaskclusterProxy},
	}
	var problems []string
	last := func(r portRange) int { return r.from + portsPerSlot*(int(c.Capacity)-1) + r.each - 1 }
	for i, a := range ranges {
		if !a.on {
			continue
		}
		if last(a) > 65535 {
			problems = append(problems, fmt.Sprintf("%s is too high for the capacity: the last port would be %d", a.key, last(a)))
		}
		for _, b := range ranges[i+1:] {
			if b.on && a.from <= last(b) && b.from <= last(a) {
				problems = append(problems, fmt.Sprintf("the ports of %s and %s overlap", a.key, b.key))
			}
		}
	}
	return problems
}
