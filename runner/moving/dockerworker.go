package moving

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// dockerWorker tells whether the machine is of docker-worker, which the releases from 100 on do not have.
func (l *look) dockerWorker() bool { return l.object("worker")["implementation"] == "docker-worker" }

// dockerPool says what a machine of docker-worker becomes.
func (l *look) dockerPool() {
	file := l.m.RunnerFile
	l.add(Blocks, file, "worker.implementation: docker-worker, which start-worker has not had since release 100, and ours never had; our generic-worker runs its payloads in containers",
		"write implementation: generic-worker, with path, configPath and workerkit: {engine: container}")
	own, source := l.dockerConfig()
	l.dockerKeys(source, own)
	given := l.object("workerConfig")
	l.dockerKeys(file, given)
	l.dockerAllows(own, given)
	l.add(Differs, "the pool", "its workerConfig has docker-worker's keys, which our start-worker does not hand on",
		"write workerConfig: {genericWorker: {config: {d2gConfig: {enableD2G: true}, "+keyLocation+": FILE}}}")
	l.add(Differs, "caches and images", "those of docker-worker are not looked at: the first tasks pull and fill them again", "")
}

// dockerConfig reads docker-worker's own config.
func (l *look) dockerConfig() (given map[string]any, source string) {
	worker, _ := l.object("worker")["configPath"].(string)
	source = cmp.Or(l.m.WorkerFile, l.m.path(worker))
	data, ok := l.read(source)
	switch {
	case !ok:
		return nil, source
	case json.Unmarshal(data, &given) != nil || given == nil:
		l.add(Differs, source, "it is no JSON object, and its keys are not looked at", "")
		return nil, source
	}
	l.private(source)
	return given, source
}

// dockerKeys says what becomes of each key of a config of docker-worker.
func (l *look) dockerKeys(source string, given map[string]any) {
	known := dockerKeys()
	flatten("", given, known, func(key string, value any) {
		k := nearestKey(known, key)
		if inner, is := value.(map[string]any); is && len(inner) == 0 {
			l.add(Differs, source, key+": it is empty", "")
			return
		}
		if k.ours == "" {
			l.add(Differs, source, key+": no counterpart: dropped"+after(k.note), "")
			return
		}
		l.add(Differs, source, key+shown(value)+" is "+k.ours+" of generic-worker"+after(k.note), cmp.Or(k.next, inPool))
	})
}

// flatten goes through the keys of a config and of its objects, but for those that are known as a whole.
func flatten(above string, all map[string]any, known []renamed, each func(key string, value any)) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		key := above + name
		inner, is := all[name].(map[string]any)
		if whole := slices.ContainsFunc(known, func(k renamed) bool { return k.key == key && k.whole }); is && !whole && len(inner) > 0 {
			flatten(key+".", inner, known, each)
			continue
		}
		each(key, all[name])
	}
}

// nearestKey is what is known of a key, or of the object that it is in.
func nearestKey(known []renamed, key string) (found renamed) {
	for _, k := range known {
		if (k.key == key || k.ours == "" && strings.HasPrefix(key, k.key+".")) && len(k.key) >= len(found.key) {
			found = k
		}
	}
	return found
}

// shown is a value that cannot be a secret: a number or a boolean.
func shown(value any) string {
	switch fmt.Sprintf("%T", value) {
	case "bool", "float64", "uint64", "int", "int64":
		text, _ := json.Marshal(value) // which cannot fail
		return ": " + string(text)
	default:
		return ""
	}
}

func after(note string) string {
	if note == "" {
		return ""
	}
	return "; " + note
}

// dockerAllows says what tasks may have from now on, as no key of docker-worker is there to say otherwise.
func (l *look) dockerAllows(configs ...map[string]any) {
	var absent, ours []string
	for _, k := range dockerKeys() {
		said := slices.ContainsFunc(configs, func(c map[string]any) bool { return has(c, k.key) })
		if name, ok := strings.CutPrefix(k.ours, "d2gConfig."); ok && k.risky && !said {
			absent, ours = append(absent, k.key), append(ours, name+": false")
		}
	}
	if len(absent) > 0 {
		l.add(Differs, "what tasks may have", "not said here: "+strings.Join(absent, ", ")+"; ours allows each of them unless its key in d2gConfig is false, to tasks that have the scopes which it needs",
			"for what tasks must not have, write d2gConfig: {"+strings.Join(ours, ", ")+"}")
	}
}

// has tells whether there is something at a path of keys.
func has(all map[string]any, path string) bool {
	first, rest, deep := strings.Cut(path, ".")
	value, ok := all[first]
	if !ok || !deep {
		return ok
	}
	inner, _ := value.(map[string]any)
	return has(inner, rest)
}
