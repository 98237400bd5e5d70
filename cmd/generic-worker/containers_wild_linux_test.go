package main

import (
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

// wildContainers have commands that take what they can get and do not end. The worker ends them in time and goes
// on.
func wildContainers(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	const soon = 20 * time.Second
	for name, script := range map[string]string{
		"flood":      "yes 0123456789012345678901234567890123456789",
		"no newline": `while :; do printf '\0\033[2J\r%0999d' 1; done`,
		"forks":      "f() { f | f & }; (f) 2> /dev/null; while :; do :; done",
		"stays":      "trap '' TERM INT HUP QUIT; (trap '' TERM; setsid sleep 1000 &); while :; do sleep 1000; done",
		"closes":     "exec >&- 2>&-; trap '' TERM; while :; do sleep 1; done",
	} {
		begin := time.Now()
		id := m.create(contained(image, script, object{"maxRunTime": 3}))
		m.resolved(id, 0, "failed")
		took := time.Since(begin)
		if took > soon {
			t.Errorf("%s: it took %s", name, took)
		}
		text := m.artifact(id, 0, backing)
		contains(t, text[max(0, len(text)-4000):], "max run time exceeded")
	}
	id := m.create(contained(image, "truncate -s 1G /sparse; for i in $(seq 500); do echo $i > /d$i; done; mkdir /d; mv /d[0-9]* /d", object{"artifacts": object{
		"public/sparse": object{"type": "file", "path": "/sparse"}, "public/d": object{"type": "directory", "path": "/d"}}}))
	m.resolved(id, 0, "completed")
	m.resolved(m.create(contained(image, "true", nil)), 0, "completed")
}
