package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

const (
	rootURL = "http://127.0.0.1:" + port
	pool    = "proof/machine"
	image   = "machinetest/busybox:latest"
)

// services is the unit of the services. They end after the worker.
const services = `[Unit]
Before=start-worker.service
[Service]
ExecStart=/bin/sh -c 'exec ` + partsFolder + `/taskcluster-local serve --data /var/lib/taskcluster --port ` + port + ` --claim-timeout 10m >/root/services'
TimeoutStopSec=30
[Install]
WantedBy=multi-user.target
`

// site is the machine with a worker and, in it as well, the services that it works for.
type site struct {
	*machine
	tasks  tc.Tasks
	secret secret.String
}

// openSite boots the machine, installs the package there, and starts the worker.
func openSite(ctx context.Context, o options, accelerator, dir string) (*site, error) {
	m, err := newMachine(ctx, o, accelerator, dir)
	if err != nil {
		return nil, err
	}
	s := &site{machine: m, secret: secret.New(slugid.Nice() + slugid.Nice())}
	for _, one := range []testStep{{"boot", func(ctx context.Context, s *site) error { return s.switchOn(ctx) }}, {"install", func(ctx context.Context, s *site) error { return s.install(ctx) }}} {
		began := time.Now()
		if err := one.take(ctx, s); err != nil {
			s.keepJournal(ctx)
			s.close()
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		step(one.name, began)
	}
	return s, nil
}

// install installs the package and brings it to work, as docs/packages.md says.
func (s *site) install(ctx context.Context) error {
	err := s.must(ctx, `mkdir -p `+partsFolder+` && tar -xf /dev/vdb -C `+partsFolder+`
cat >/etc/systemd/system/services.service <<'END'
`+services+`END
systemctl --quiet enable --now services.service
dpkg --install `+partsFolder+`/`+oldVersion+`.deb
mkdir -p /tmp/image/bin && cp /bin/busybox /tmp/image/bin/ && /bin/busybox --install -s /tmp/image/bin && ln -sf busybox /tmp/image/bin/sh
tar -C /tmp/image -c . | docker import -c 'ENV PATH=/bin' - `+image+`
tar -C /tmp/image -c . | podman import --quiet -c 'ENV PATH=/bin' - docker.io/`+image+`
rm -r /tmp/image`)
	if err != nil {
		return err
	}
	if err := s.says(ctx, "grep -c ^export /root/services || true", "3"); err != nil {
		return err
	}
	if err := s.register(ctx); err != nil {
		return err
	}
	return s.configure(ctx, nil)
}

// register makes the pool and the worker in the services.
func (s *site) register(ctx context.Context) error {
	said, err := s.run(ctx, "cat /root/services")
	if err != nil {
		return err
	}
	known := map[string]string{}
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "=")
		known[name] = value
	}
	credentials := tc.Fixed(tc.Credentials{ClientID: known["TASKCLUSTER_CLIENT_ID"], AccessToken: secret.New(known["TASKCLUSTER_ACCESS_TOKEN"])})
	client := session.Client(rootURL)
	s.tasks = client.Tasks(credentials)
	definition := `{"providerId": "static", "config": {}, "description": "", "owner": "nobody@localhost.localdomain", "emailOnError": false}`
	if err := client.Pools(credentials).Create(ctx, pool, json.RawMessage(definition)); err != nil {
		return err
	}
	return client.Pools(credentials).CreateStatic(ctx, pool, "rack", "machine", time.Now().Add(24*time.Hour), s.secret)
}

// configure writes start-worker's configuration, with changes to the worker's, and has a worker
// begin with it.
func (s *site) configure(ctx context.Context, change func(map[string]any)) error {
	worker := map[string]any{
		"ed25519SigningKeyLocation": "/etc/generic-worker/ed25519.key", "headlessTasks": true, "requiredDiskSpaceMegabytes": 100,
		"tasksDir": "/home", "cachesDir": "/var/lib/generic-worker/caches", "downloadsDir": "/var/lib/generic-worker/downloads",
		"d2gConfig": map[string]any{"enableD2G": true},
		"workerkit": map[string]any{"taskLimits": map[string]any{"memoryMegabytes": memory, "processes": processes, "cpuWeight": weight}},
	}
	if change != nil {
		change(worker)
	}
	config, err := json.MarshalIndent(map[string]any{
		"provider": map[string]any{
			"providerType": "static", "rootURL": rootURL, "workerPoolID": pool, "workerGroup": "rack", "workerID": "machine", "staticSecretFile": "/etc/start-worker/secret",
		},
		"worker":            map[string]any{"implementation": "generic-worker", "path": "/usr/bin/generic-worker-multiuser", "configPath": "/etc/generic-worker/config"},
		"cacheOverRestarts": "/var/lib/start-worker/state.json", "workerConfig": worker,
	}, "", "  ")
	if err != nil {
		return err
	}
	return s.must(ctx, fmt.Sprintf(`umask 077
cat >/etc/start-worker.yml <<'END'
%s
END
printf %%s %s >/etc/start-worker/secret
systemctl reset-failed start-worker.service
systemctl restart start-worker.service`, config, s.secret.Reveal()))
}

// payload is a task's.
type payload map[string]any

// container is a payload of docker-worker's that runs a script, with more in it.
func container(script string, more payload) payload {
	p := payload{"image": image, "command": []string{"sh", "-c", script}, "maxRunTime": 3000}
	maps.Copy(p, more)
	return p
}

// native is a payload of generic-worker's that runs a script.
func native(script string) payload {
	return payload{"command": [][]string{{"/bin/sh", "-c", script}}, "maxRunTime": 3000}
}

// create makes a task.
func (s *site) create(ctx context.Context, p payload, scopes ...string) (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	definition := tasks.Definition{"payload": text}
	if definition["scopes"], err = json.Marshal(append([]string{}, scopes...)); err != nil {
		return "", err
	}
	if err := definition.Fill(tasks.Defaults{Queue: pool, Name: "machine", Now: time.Now()}); err != nil {
		return "", err
	}
	id := slugid.Nice()
	return id, s.tasks.Create(ctx, id, definition.JSON())
}

// begun creates a task and waits until it was claimed.
func (s *site) begun(ctx context.Context, p payload, scopes ...string) (string, error) {
	id, err := s.create(ctx, p, scopes...)
	if err != nil {
		return "", err
	}
	return id, s.becomes(ctx, id, 0, "running", "")
}

// becomes waits until a run has a state, and, when that is not "", a reason.
func (s *site) becomes(ctx context.Context, id string, run int, state, reason string) error {
	last := "is not there"
	err := s.until(ctx, "", func() (bool, error) {
		status, err := s.tasks.Status(ctx, id)
		if err != nil {
			return false, err
		}
		if len(status.Runs) <= run {
			return false, nil
		}
		r := status.Runs[run]
		last = "is " + r.State + "/" + r.Reason
		if r.State == state && (reason == "" || r.Reason == reason) {
			return true, nil
		}
		if r.Resolved() {
			return false, fmt.Errorf("run %d %s, not %s/%s: %s", run, last, state, reason, s.log(ctx, id, run))
		}
		return false, nil
	})
	if errors.Is(err, errLate) {
		return fmt.Errorf("run %d %s, not %s/%s: %w", run, last, state, reason, err)
	}
	return err
}

// does runs a task that must end so, and returns its log.
func (s *site) does(ctx context.Context, p payload, state, reason string, scopes ...string) (string, error) {
	id, err := s.create(ctx, p, scopes...)
	if err == nil {
		err = s.becomes(ctx, id, 0, state, reason)
	}
	if err != nil {
		return "", err
	}
	return s.log(ctx, id, 0), nil
}

// completes runs a task that must complete.
func (s *site) completes(ctx context.Context, p payload, scopes ...string) (string, error) {
	return s.does(ctx, p, "completed", "completed", scopes...)
}

// log is the log of a run, or why there is none.
func (s *site) log(ctx context.Context, id string, run int) string {
	folder := filepath.Join(s.dir, "logs", fmt.Sprintf("%s-%d", id, run))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err.Error()
	}
	_, failed := tasks.Download(ctx, s.tasks, session.HTTP(), id, int64(run), folder)
	text, err := os.ReadFile(filepath.Join(folder, "public", "logs", "live_backing.log")) //nolint:gosec // written a moment ago
	if err != nil {
		return errors.Join(failed, err).Error()
	}
	return string(text)
}

// keepJournal writes the machine's journal beside its console, when something has gone wrong.
func (s *site) keepJournal(ctx context.Context) {
	if s.guest == nil || s.guest.Off() {
		return
	}
	journal, err := s.run(ctx, "journalctl --no-pager --output=short-monotonic")
	if err != nil {
		journal += "\n" + err.Error() + "\n"
	}
	if err := os.WriteFile(filepath.Join(s.dir, "journal"), []byte(journal), 0o600); err != nil {
		say("the journal is lost: %v", err)
	}
}

// has tells whether a text has all of these.
func has(text string, want ...string) error {
	for _, w := range want {
		if !strings.Contains(text, w) {
			return fmt.Errorf("%q is missing in: %s", w, lastLines(text, 30))
		}
	}
	return nil
}
