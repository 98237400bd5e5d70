package moving

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// PublicKeys are the keys that the worker's config has in the public worker's release 106, those of
// all systems. It refuses any other.
func PublicKeys() []string {
	return []string{
		"accessToken", "allowedHighMemoryDurationSecs", "availabilityZone", "cachesDir", "capacity", "certificate",
		"cleanUpTaskDirs", "clientId", "createObjectArtifacts", "d2gConfig", "disableNativePayloads",
		"disableOOMProtection", "disableReboots", "downloadsDir", "ed25519SigningKeyLocation", "enableChainOfTrust",
		"enableInteractive", "enableLiveLog", "enableLoopbackAudio", "enableLoopbackVideo", "enableMetadata",
		"enableMounts", "enableOSGroups", "enableRDP", "enableResourceMonitor", "enableRunAsAdministrator",
		"enableRunTaskAsCurrentUser", "enableTaskclusterProxy", "headlessTasks", "idleTimeoutSecs", "instanceId",
		"instanceType", "interactivePort", "livelogExecutable", "livelogExposePort", "livelogPortBase",
		"loopbackAudioDeviceNumber", "loopbackVideoDeviceNumber", "maxMemoryUsagePercent", "maxTaskRunTime",
		"minAvailableMemoryBytes", "numberOfTasksToRun", "privateIP", "provisionerId", "publicIP", "region",
		"requiredDiskSpaceMegabytes", "rootURL", "runAfterUserCreation", "sentryProject", "shutdownMachineOnIdle",
		"shutdownMachineOnInternalError", "taskclusterProxyExecutable", "taskclusterProxyPort", "tasksDir",
		"workerGroup", "workerId", "workerLocation", "workerType", "workerTypeMetadata", "wstAudience", "wstServerURL",
	}
}

// ourKeys are the keys of the worker's config that are ours.
func ourKeys() []string { return []string{"workerkit", "livelogCertificate", "livelogKey"} }

// isKey tells whether a key is in a list, whatever its case.
func isKey(list []string, key string) bool {
	return slices.ContainsFunc(list, func(k string) bool { return strings.EqualFold(k, key) })
}

// runnerKeys are what the runner config says, as it is written: the rest of the program has the
// defaults in it, and another program has others.
func (m Machine) runnerKeys() map[string]any {
	l := look{m: m}
	data, ok := l.read(m.RunnerFile)
	var keys map[string]any
	if !ok || yaml.Unmarshal(data, &keys) != nil { // which the check of the config has said
		return map[string]any{}
	}
	return keys
}

// object is an object of the runner config.
func (l *look) object(name string) map[string]any {
	m, _ := l.given[name].(map[string]any)
	return m
}

// workerKeys reads the worker's config: what it says by the keys in lower case, and the keys as they
// are written.
func (l *look) workerKeys() (values map[string]any, names []string) {
	values = map[string]any{}
	data, ok := l.read(l.m.WorkerFile)
	if !ok {
		l.missingConfig()
		return values, nil
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		detail := "it is no JSON object"
		if l.m.RunnerFile != "" {
			l.add(Differs, l.m.WorkerFile, detail, "nothing to do: start-worker writes it anew at each start")
		} else {
			l.add(Blocks, l.m.WorkerFile, detail, "put it right: no worker starts with it")
		}
		return values, nil
	}
	for key, value := range all {
		values[strings.ToLower(key)] = value
	}
	return values, slices.Sorted(maps.Keys(all))
}

// missingConfig says that there is no worker's config, where one is named.
func (l *look) missingConfig() {
	file := l.m.WorkerFile
	if _, err := os.Stat(Under(l.m.Root, file)); file == "" || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if l.m.RunnerFile == "" {
		l.add(Blocks, file, "it is not there", "name the worker's config with --worker-config")
		return
	}
	next := "check again when start-worker has written it, or name one with --worker-config"
	if given, _ := l.object("worker")["configPath"].(string); l.m.Dir == "" && l.m.join("/", given) != given {
		next += ", or with --dir the worker's working directory, from which " + given + " counts"
	}
	l.add(Differs, file, "it is not there, and so the keys of the pool and its secrets are not looked at", next)
}

// text is a text of the worker's config, or of the runner's own layer of it.
func (l *look) text(key string) string {
	text, _ := l.value(key).(string)
	return text
}

func (l *look) value(key string) any {
	if value, ok := l.keys[strings.ToLower(key)]; ok {
		return value
	}
	for name, value := range l.object("workerConfig") {
		if strings.EqualFold(name, key) {
			return value
		}
	}
	return nil
}

// off tells whether a switch of the worker's config is off.
func (l *look) off(key string) bool {
	on, is := l.value(key).(bool)
	return is && !on
}
