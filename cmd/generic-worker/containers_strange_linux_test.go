package main

import (
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

// strangeContainers runs payloads that nobody means well with: none of them is the worker's fault, and none gets what
// is not its own.
func strangeContainers(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	cache := func(place string) object { return object{"cache": object{"one": place}} }
	artifact := func(kind, path string) object {
		return object{"artifacts": object{"public/a": object{"type": kind, "path": path}}}
	}
	expiring := func(when string) object {
		return object{"artifacts": object{"public/a": object{"type": "file", "path": "/a", "expires": when}}}
	}
	long := strings.Repeat("x", 300<<10)
	type strange struct {
		name    string
		payload map[string]any
		want    string
		says    string
	}
	var all []strange
	add := func(name, script string, more object, want, says string) {
		all = append(all, strange{name, contained(image, script, more), want, says})
	}
	add("cache at the top", "true", cache("/"), "failed", "it is the whole container")
	add("cache at /proc", "true", cache("/proc"), "failed", "could not be started (exit status 126)")
	add("cache in /proc", "true", cache("/proc/self/fd"), "failed", "could not be started (exit status 126)")
	add("volume at /proc", "true", artifact("volume", "/proc"), "failed", "could not be started (exit status 126)")
	add("cache above", "ls /etc/passwd", cache("../../../etc"), "failed", "No such file")
	add("cache with NUL", "true", cache("/a\x00b"), "failed", "nothing can be mounted at")
	add("cache with a new line", "true", cache("/a\nb"), "failed", "nothing can be mounted at")
	add("long cache", "true", cache("/"+long[:5000]), "failed", "nothing can be mounted at")
	add("names of caches", "true", object{"cache": object{"../../x": "/c", "a b\n": "/d", "": "/e"}}, "completed", "")
	add("cache and volume", "true", object{"cache": object{"one": "/c"}, "artifacts": object{"public/a": object{"type": "volume", "path": "/c"}}}, "malformed-payload", "at the same place")
	add("another's environment", "true", artifact("file", "/proc/self/environ"), "completed", "Could not read file '/proc/self/environ'")
	add("file of the machine", "ln -s /proc/1/root/etc/shadow /l", artifact("file", "/l"), "completed", "Could not read file '/l'")
	add("device", "true", artifact("file", "/dev/zero"), "completed", "'/dev/zero' is not a file")
	add("links without end", "ln -s l /l", artifact("file", "/l"), "completed", "Could not read file '/l'")
	add("long variable", "true", object{"env": object{"A": long}}, "failed", "argument list too long")
	add("own identity", "echo $TASK_ID at $TASKCLUSTER_ROOT_URL", object{"env": object{"TASK_ID": "mine", "TASKCLUSTER_ROOT_URL": "mine"}}, "completed", " at "+m.RootURL)
	add("huge exit code", "test $RUN_ID -gt 0 || exit 255", object{"onExitStatus": object{"retry": []any{255, 1e300}}}, "intermittent-task", "exit code 255 found")
	add("expired", "echo > /a", expiring("2020-01-01T00:00:00.000Z"), "malformed-payload", "before the task's deadline")
	add("for ever", "echo > /a", expiring("2120-01-01T00:00:00.000Z"), "malformed-payload", "after the task's own")
	add("files removed", "rm -rf /bin /etc", artifact("directory", "/bin"), "failed", "Could not read directory '/bin'")
	for _, name := range []string{"--privileged", "../../etc/passwd", strings.Repeat("0123456789abcdef", 4)} {
		all = append(all, strange{"image " + name, contained(name, "true", nil), "malformed-payload", "is no name of an image"})
	}
	elsewhere := object{"type": "indexed-image", "namespace": "../../x", "path": "../../y"}
	all = append(all, strange{"image elsewhere", contained(elsewhere, "true", nil), "malformed-payload", "nothing is indexed there"},
		strange{"command with NUL", map[string]any{"image": image, "command": []string{"echo", "a\x00b"}}, "malformed-payload", "NUL"})

	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = m.create(c.payload, having("docker-worker:*"))
	}
	for i, c := range all {
		until(t, c.name, func() bool { r := m.reason(ids[i], 0); return r != "pending" && r != "running" })
		if got, log := m.reason(ids[i], 0), m.artifact(ids[i], 0, backing); got != c.want || !strings.Contains(log, c.says) {
			t.Errorf("%s: %s, want %s and %q; log:\n%s", c.name, got, c.want, c.says, log)
		}
		if c.want == "intermittent-task" {
			m.resolved(ids[i], 1, "completed") // else the worker would be ended in the middle of that
		}
	}
}
