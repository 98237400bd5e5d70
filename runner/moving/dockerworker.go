package moving

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// dockerWorker tells whether the machine is of docker-worker, which the releases from 100 on do not have.
func (l *look) dockerWorker() bool { return l.object("worker")["implementation"] == "docker-worker" }

// renamed says what a key of docker-worker is for our worker.
type renamed struct{ key, ours, note string }

// dockerKeys are the keys of docker-worker that an operator sets.
func dockerKeys() []renamed {
	return []renamed{
		{"capacity", "capacity", ""},
		{"shutdown.enabled", "shutdownMachineOnIdle", "in a pool of a cloud the end of the worker removes the machine, and the key is not needed"},
		{"shutdown.afterIdleSeconds", "idleTimeoutSecs", ""},
		{"dockerConfig.allowPrivileged", "d2gConfig.allowPrivileged", "ours allows it unless the key is false"},
		{"dockerConfig.allowDisableSeccomp", "d2gConfig.allowDisableSeccomp", "ours allows it unless the key is false"},
		{"deviceManagement.kvm.enabled", "d2gConfig.allowKVM", ""},
		{"deviceManagement.hostSharedMemory.enabled", "d2gConfig.allowHostSharedMemory", ""},
		{"deviceManagement.loopbackVideo.enabled", "d2gConfig.allowLoopbackVideo", ""},
		{"deviceManagement.loopbackAudio.enabled", "d2gConfig.allowLoopbackAudio", ""},
		{"features.allowPtrace.enabled", "d2gConfig.allowPtrace", ""},
		{"features.interactive.enabled", "d2gConfig.allowInteractive", ""},
		{"features.chainOfTrust.enabled", "d2gConfig.allowChainOfTrust", ""},
		{"features.taskclusterProxy.enabled", "d2gConfig.allowTaskclusterProxy", ""},
		{"capacityManagement.diskspaceThreshold", "requiredDiskSpaceMegabytes", "bytes there, megabytes here"},
	}
}

// dockerPool says what a machine of docker-worker becomes.
func (l *look) dockerPool() {
	file := l.m.RunnerFile
	l.add(Blocks, file, "worker.implementation: docker-worker, which start-worker has not had since release 100, and ours never had; our generic-worker runs its payloads in containers",
		"write implementation: generic-worker, with path, configPath and workerkit: {engine: container}")
	worker, _ := l.object("worker")["configPath"].(string)
	given := map[string]any{}
	source := file
	if data, ok := l.read(cmp.Or(l.m.WorkerFile, worker)); ok && json.Unmarshal(data, &given) == nil {
		source = cmp.Or(l.m.WorkerFile, worker)
		l.private(source)
	} else if of := l.object("workerConfig"); of != nil {
		given = of
	}
	for _, k := range dockerKeys() {
		value, ok := at(given, k.key)
		if !ok {
			continue
		}
		text, _ := json.Marshal(value) // a number or a boolean
		detail := fmt.Sprintf("%s: %s is %s of generic-worker", k.key, text, k.ours)
		if k.note != "" {
			detail += "; " + k.note
		}
		l.add(Differs, source, detail, "write it to the pool's genericWorker.config, or to the runner config's workerConfig")
	}
	l.add(Differs, "the pool", "its workerConfig has docker-worker's keys, which our start-worker does not hand on",
		"write workerConfig: {genericWorker: {config: {d2gConfig: {enableD2G: true}, "+keyLocation+": FILE}}}")
	l.add(Differs, "caches and images", "those of docker-worker are not looked at: the first tasks pull and fill them again", "")
}

// at is the value at a path of keys, when that is no object.
func at(all map[string]any, path string) (value any, ok bool) {
	value = all
	for key := range strings.SplitSeq(path, ".") {
		m, _ := value.(map[string]any)
		if value, ok = m[key]; !ok {
			return nil, false
		}
	}
	return value, slices.Contains([]string{"bool", "float64", "uint64", "int", "int64"}, fmt.Sprintf("%T", value))
}
