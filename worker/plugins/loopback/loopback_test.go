package loopback_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/loopback"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	pool  = "provisioner/pool"
	both  = `{"features": {"loopbackAudio": true, "loopbackVideo": true}, "osGroups": ["audio", "video"]}`
	video = `{"features": {"loopbackVideo": true}, "osGroups": ["docker"]}`
	audio = `{"features": {"loopbackAudio": true}, "osGroups": ["audio"]}`
)

// system notes what is asked of it.
type system struct {
	mu    sync.Mutex
	calls []string
	fail  map[string]error // by the first word of a call
}

func (s *system) note(words ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, strings.Join(words, " "))
	return s.fail[words[0]]
}

func (s *system) Load(_ context.Context, module string, parameters ...string) error {
	return s.note(append([]string{"load", module}, parameters...)...)
}
func (s *system) Configure(module, parameters string) error {
	return s.note("configure", module, parameters)
}
func (s *system) Share(device, group string) error { return s.note("share", device, group) }

// scoped gives the run of each test the scopes: plugintest's have none.
type scoped struct{ plugins.Plugin }

func (s scoped) New(run *task.Run) (plugins.Hooks, error) {
	run.Definition.Scopes = []string{"generic-worker:loopback-*"}
	return s.Plugin.New(run)
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(*testing.T, *plugintest.Store) plugins.Plugin {
			return scoped{loopback.New(loopback.Config{Capacity: 1, Pool: pool, System: &system{}})}
		},
		Payload: both,
	})
}

// builder notes variables.
type builder struct {
	engines.Builder
	env map[string]string
}

func (b builder) Setenv(name, value string) error {
	b.env[name] = value
	return nil
}

func TestDevices(t *testing.T) {
	usual := loopback.Config{AudioNumber: 16, VideoNumber: 0, Capacity: 1}
	several := loopback.Config{AudioNumber: 30, VideoNumber: 3, Capacity: 3}
	for name, test := range map[string]struct {
		config  loopback.Config
		payload string
		slot    int
		calls   []string
		device  string
	}{
		"nothing": {config: usual, payload: `{}`},
		"off":     {config: usual, payload: `{"features": {"loopbackAudio": false}}`},
		"video":   {config: usual, payload: video, calls: []string{"load v4l2loopback video_nr=0", "share /dev/video0 video"}, device: "/dev/video0"},
		"audio": {config: usual, payload: audio, calls: []string{
			"configure snd-aloop enable=1 index=16", "load snd-aloop", "share /dev/snd/controlC16 audio",
			"share /dev/snd/pcmC16D0c audio", "share /dev/snd/pcmC16D0p audio", "share /dev/snd/pcmC16D1c audio", "share /dev/snd/pcmC16D1p audio",
		}},
		"video of another slot": {config: several, payload: video, slot: 2, calls: []string{"load v4l2loopback devices=3 video_nr=3,4,5", "share /dev/video5 video"}, device: "/dev/video5"},
		"audio of another slot": {config: several, payload: audio, slot: 1, calls: []string{
			"configure snd-aloop enable=1,1 index=30,31", "load snd-aloop", "share /dev/snd/controlC31 audio",
			"share /dev/snd/pcmC31D0c audio", "share /dev/snd/pcmC31D0p audio", "share /dev/snd/pcmC31D1c audio", "share /dev/snd/pcmC31D1p audio",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &system{}
			test.config.System, test.config.Pool = s, pool
			run := plugintest.NewRun(t, test.payload)
			run.Slot = test.slot
			run.Definition.Scopes = []string{"generic-worker:loopback-video", "generic-worker:loopback-audio:" + pool}
			b := builder{env: map[string]string{}}
			if err := plugintest.Begin(t.Context(), loopback.New(test.config), run, b); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.calls, test.calls) || b.env["TASKCLUSTER_VIDEO_DEVICE"] != test.device {
				t.Errorf("%q, %v", s.calls, b.env)
			}
			if log := run.TaskLog(t); log != "" {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	no := errors.New("no")
	for name, test := range map[string]struct {
		config  loopback.Config
		payload string
		system  loopback.System
		slot    int
		scopes  []string
		want    task.Resolution
		says    string
	}{
		"another system":    {payload: video, want: task.MalformedPayload, says: "on Linux only"},
		"disabled video":    {payload: video, config: loopback.Config{VideoDisabled: true}, system: &system{}, want: task.MalformedPayload, says: "disabled on workers of the pool provisioner/pool"},
		"disabled audio":    {payload: both, config: loopback.Config{AudioDisabled: true}, system: &system{}, want: task.MalformedPayload, says: "features.loopbackAudio: it is disabled"},
		"the other is":      {payload: video, config: loopback.Config{AudioDisabled: true}, system: &system{}, scopes: []string{"*"}, want: task.Completed},
		"scope":             {payload: video, system: &system{}, scopes: []string{"generic-worker:loopback-audio"}, want: task.MalformedPayload, says: "generic-worker:loopback-video:provisioner/pool, or generic-worker:loopback-video"},
		"no module":         {payload: video, system: &system{fail: map[string]error{"load": no}}, scopes: []string{"*"}, want: task.MalformedPayload, says: "kernel module v4l2loopback"},
		"no configuration":  {payload: audio, system: &system{fail: map[string]error{"configure": no}}, scopes: []string{"*"}, want: task.InternalError, says: "configure the kernel module snd-aloop"},
		"no device":         {payload: audio, system: &system{fail: map[string]error{"share": no}}, scopes: []string{"*"}, want: task.InternalError, says: "the group audio"},
		"too many at once":  {payload: audio, config: loopback.Config{AudioNumber: 31, Capacity: 2}, system: &system{}, slot: 1, scopes: []string{"*"}, want: task.ResourceUnavailable, says: "for 1 tasks at once"},
		"too many cameras":  {payload: video, config: loopback.Config{Capacity: 9}, system: &system{}, slot: 8, scopes: []string{"*"}, want: task.ResourceUnavailable, says: "for 8 tasks at once"},
		"the last of these": {payload: video, config: loopback.Config{Capacity: 9}, system: &system{}, slot: 7, scopes: []string{"*"}, want: task.Completed},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Pool, test.config.System = pool, test.system
			run := plugintest.NewRun(t, test.payload)
			run.Slot, run.Definition.Scopes = test.slot, test.scopes
			err := plugintest.Begin(t.Context(), loopback.New(test.config), run, builder{env: map[string]string{}})
			if task.Resolve(err) != test.want || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestWarningWithoutTheGroup: containers have users of their own.
func TestWarningWithoutTheGroup(t *testing.T) {
	for with, warns := range map[string]bool{`"osGroups": ["audio"]`: true, `"container": {}`: false} {
		run := plugintest.NewRun(t, `{"features": {"loopbackVideo": true}, `+with+`}`)
		run.Definition.Scopes = []string{"*"}
		if err := plugintest.Begin(t.Context(), loopback.New(loopback.Config{Capacity: 1, System: &system{}}), run, builder{env: map[string]string{}}); err != nil {
			t.Fatal(err)
		}
		log := run.TaskLog(t)
		if strings.Contains(log, "[taskcluster:warn ") != warns || strings.Contains(log, "neither video nor docker") != warns {
			t.Errorf("%s: log %s", with, log)
		}
	}
}
