package main

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

// TestSwitches: with every feature switched off a task is refused when it asks for one by name, and
// only then.
func TestSwitches(t *testing.T) {
	t.Chdir(t.TempDir())
	c := config.Defaults()
	c.ProvisionerID, c.WorkerType, c.Workerkit.Engine = "provisioner", "pool", config.EngineMultiuser
	for _, enabled := range []*bool{
		&c.EnableChainOfTrust, &c.EnableInteractive, &c.EnableLiveLog, &c.EnableLoopbackAudio, &c.EnableLoopbackVideo, &c.EnableMetadata,
		&c.EnableMounts, &c.EnableOSGroups, &c.EnableRDP, &c.EnableResourceMonitor, &c.EnableRunAsAdministrator, &c.EnableRunTaskAsCurrentUser, &c.EnableTaskclusterProxy,
	} {
		*enabled = false
	}
	made := parts{config: &c, client: tc.New("http://services.invalid", http.DefaultClient, retryOnce()), http: http.DefaultClient, logger: slog.New(slog.DiscardHandler)}
	list, done := made.plugins()
	t.Cleanup(func() { _ = done() })
	refusals := func(payload string) (all []error) {
		run := plugintest.NewRun(t, payload)
		for _, plugin := range list {
			hooks, err := plugin.New(run.Run)
			if err != nil {
				all = append(all, err)
			}
			_ = hooks // nothing was prepared
		}
		return all
	}
	for _, payload := range []string{
		``, `{}`, `{"osGroups": [], "mounts": []}`,
		`{"features": {"chainOfTrust": false, "interactive": false, "liveLog": false, "loopbackAudio": false, "loopbackVideo": false, "resourceMonitor": false, "runTaskAsCurrentUser": false, "taskclusterProxy": false}}`,
	} {
		if errs := refusals(payload); len(errs) > 0 {
			t.Errorf("%s: %v", payload, errs)
		}
	}
	asks := []string{`{"osGroups": ["video"]}`, `{"mounts": [{"cacheName": "c", "directory": "d"}]}`}
	for _, name := range []string{"chainOfTrust", "interactive", "liveLog", "resourceMonitor", "runTaskAsCurrentUser", "taskclusterProxy"} {
		asks = append(asks, `{"features": {"`+name+`": true}}`)
	}
	for _, payload := range asks {
		errs := refusals(payload)
		if len(errs) != 1 || task.Resolve(errs[0]) != task.MalformedPayload || !strings.Contains(errs[0].Error(), "provisioner/pool") || !strings.Contains(errs[0].Error(), "disabled") {
			t.Errorf("%s: %v", payload, errs)
		}
	}
}
