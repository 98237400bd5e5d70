package resourcecharts

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/tasklog"
)

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(_ *testing.T, store *plugintest.Store) plugins.Plugin {
			return New(Config{Enabled: true, Uploader: store.Uploader(), Now: time.Now})
		},
		Payload: `{}`,
	})
}

// sandbox uses half a processor, a megabyte more each second, and ends when told.
type sandbox struct {
	engines.Sandbox
	begin time.Time
	lasts time.Duration
	asked int
	fail  error
}

func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	timer := time.NewTimer(s.lasts)
	defer timer.Stop()
	select {
	case <-timer.C:
		return plugintest.Result{}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *sandbox) Usage(context.Context) (engines.Usage, error) {
	s.asked++
	ran := min(time.Since(s.begin), s.lasts)
	u := engines.Usage{User: ran / 4, Kernel: ran / 4, PeakMemory: uint64(ran.Seconds()) << 20, Written: uint64(ran.Seconds()) << 10}
	if ran < s.lasts {
		u.Memory = u.PeakMemory
	}
	return u, s.fail
}

// record takes a task that prepares for 2 seconds, runs and uploads for 3 through its life, and
// returns what was uploaded, which is done outside of the bubble.
func record(t *testing.T, payload string, lasts time.Duration) (*plugintest.Run, *sandbox) {
	t.Helper()
	run, s := plugintest.NewRun(t, payload), &sandbox{lasts: lasts}
	dir := t.TempDir()
	var h *hooks
	var over time.Time
	synctest.Test(t, func(t *testing.T) {
		var err error
		if run.Log, err = tasklog.New(dir, time.Now); err != nil { // of this bubble's time
			t.Fatal(err)
		}
		defer run.Log.Remove()
		p := New(Config{Enabled: true, Uploader: run.Queue.Store.Uploader(), Now: time.Now})
		p.network = func() (traffic, error) {
			return traffic{received: 1 << 40, sent: 5<<30 + uint64(time.Now().Unix())}, nil
		}
		made, err := p.New(run.Run)
		if err != nil {
			t.Fatal(err)
		}
		h = made.(*hooks)
		time.Sleep(2 * time.Second)
		s.begin = time.Now()
		if err := h.Started(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lasts + 3*time.Second)
		h.stop()
		over, h.cancel = time.Now(), nil // its channels are the bubble's
	})
	h.plugin.config.Now = func() time.Time { return over }
	if err := h.Stopped(t.Context(), plugintest.Result{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return run, s
}

// reported is the artifact for programs.
func reported(t *testing.T, run *plugintest.Run) (r report) {
	t.Helper()
	stored, _ := run.Queue.Store.Get("public/workerkit/resources.json")
	text, err := stored.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReport(t *testing.T) {
	run, _ := record(t, `{}`, time.Minute)
	r := reported(t, run)
	want := []phase{{"preparing", 0, 2}, {"running", 2, 62}, {"uploading", 62, 65}}
	if len(r.Phases) != len(want) || r.Phases[0] != want[0] || r.Phases[1] != want[1] || r.Phases[2] != want[2] || r.Seconds != 65 {
		t.Errorf("phases %+v in %v s", r.Phases, r.Seconds)
	}
	if n := len(r.Samples); n < 60 || n > 66 {
		t.Fatalf("%d samples", n)
	}
	first, last := r.Samples[0], r.Samples[len(r.Samples)-1]
	if first.At != 2 || first.Received != 0 || first.Sent != 0 || last.CPU != 30 || last.Memory != 0 || last.Written != 60<<10 || last.Sent == 0 || last.Received != 0 || r.PeakMemory != 60<<20 {
		t.Errorf("first %+v, last %+v, peak %d", first, last, r.PeakMemory)
	}
	if hashes := run.Uploads.SHA256(); len(hashes) != 2 || len(hashes["public/workerkit/resources.html"]) != 64 {
		t.Errorf("to be certified: %v", hashes)
	}
}

func TestPage(t *testing.T) {
	run, _ := record(t, `{}`, time.Minute)
	stored, _ := run.Queue.Store.Get("public/workerkit/resources.html")
	text, err := stored.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"run " + "0", "1m5s", "preparing 2s", "running 1m0s", "uploading 3s", "0.5 cores at most", "59 MiB at most",
		"1 KiB/s at most", "of the whole machine", `name="viewport"`, "prefers-color-scheme: dark",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, bad := range []string{"<script", "http://", "https://", "ZgotmplZ", "NaN", "Inf"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.Strict, decoder.AutoClose = false, xml.HTMLAutoClose
	charts := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "svg" {
			charts++
		}
	}
	if charts != 4 {
		t.Errorf("%d charts", charts)
	}
}

// TestLongTask: what is kept is bounded, spread over all of the task, and loses no sums.
func TestLongTask(t *testing.T) {
	run, s := record(t, `{}`, 10*time.Hour)
	r := reported(t, run)
	n := len(r.Samples)
	if n > most || n < most/2 || s.asked > 8*most {
		t.Errorf("%d samples of %d", n, s.asked)
	}
	for i, p := range r.Samples[1:] {
		if gap := p.At - r.Samples[i].At; gap < 1 || gap > 129 {
			t.Fatalf("%v s between samples %d and the next", gap, i)
		}
	}
	if last := r.Samples[n-1]; last.At < 35900 || last.CPU < 17900 {
		t.Errorf("last %+v", last)
	}
}

func TestWhoHasNone(t *testing.T) {
	if run, _ := record(t, `{}`, 4*time.Second); len(run.Queue.Calls()) > 0 {
		t.Errorf("a short task: %v", run.Queue.Calls())
	}
	run := plugintest.NewRun(t, `{}`)
	for _, c := range []Config{{Enabled: false, Now: time.Now}} {
		if h, err := New(c).New(run.Run); h != nil || err != nil {
			t.Errorf("%v, %v", h, err)
		}
	}
	invalid := plugintest.NewRun(t, ``)
	if h, err := New(Config{Enabled: true, Now: time.Now}).New(invalid.Run); h != nil || err != nil {
		t.Errorf("%v, %v", h, err)
	}
}

// TestNames: the charts are as public as the log.
func TestNames(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`: "public/",
		`{"logs": {"live": "public/a", "backing": "public/b"}}`:                                                      "public/",
		`{"logs": {"live": "private/a", "backing": "public/b"}}`:                                                     "private/",
		`{"logs": {"live": "public/a", "backing": "login-identity/b"}}`:                                              "private/",
		`{"logs": {"live": "private/a", "backing": "public/b"}, "features": {"liveLog": false}}`:                     "public/",
		`{"features": {"liveLog": false, "backingLog": false}}`:                                                      "private/",
		`{"logs": {"live": "public/a", "backing": "private/b"}, "features": {"liveLog": true, "backingLog": false}}`: "public/",
	} {
		run := plugintest.NewRun(t, payload)
		data, page := Names(run.Run)
		if data != want+"workerkit/resources.json" || page != want+"workerkit/resources.html" {
			t.Errorf("%s: %s, %s", payload, data, page)
		}
		for _, name := range []string{data, page} {
			if _, reserved := run.Reserved()[name]; !reserved {
				t.Errorf("%s is not reserved", name)
			}
		}
	}
}

// TestTroubleFailsNoTask: neither an engine that cannot say, nor a service that refuses.
func TestTroubleFailsNoTask(t *testing.T) {
	for _, status := range []int{403, 409, 503} {
		run := plugintest.NewRun(t, `{}`)
		run.Queue.Fail("public/workerkit/resources.json", plugintest.Refusal(status))
		now := time.Now()
		h := &hooks{plugin: New(Config{Enabled: true, Uploader: run.Queue.Store.Uploader(), Now: func() time.Time { return now.Add(time.Minute) }}), run: run.Run, begin: now, started: now}
		h.recording.samples = make([]sample, 2)
		if err := h.Stopped(t.Context(), plugintest.Result{}); err != nil {
			t.Error(err)
		}
		if _, made := run.Queue.Store.Get("public/workerkit/resources.html"); !made || !strings.Contains(run.WorkerLog.String(), "not complete") {
			t.Errorf("%d: page %v, log %s", status, made, run.WorkerLog)
		}
	}
}

// hurried notes how long requests may take.
type hurried struct {
	http.RoundTripper
	left []time.Duration
}

func (h *hurried) RoundTrip(r *http.Request) (*http.Response, error) {
	deadline, _ := r.Context().Deadline()
	h.left = append(h.left, time.Until(deadline))
	return h.RoundTripper.RoundTrip(r)
}

// TestTasksDoNotWaitLongForTheirCharts, whatever the service takes for them.
func TestTasksDoNotWaitLongForTheirCharts(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	u, now := run.Queue.Store.Uploader(), time.Now()
	h := &hurried{RoundTripper: http.DefaultTransport}
	u.HTTP = &http.Client{Transport: h}
	own := &hooks{plugin: New(Config{Enabled: true, Uploader: u, Now: func() time.Time { return now.Add(time.Minute) }}), run: run.Run, begin: now, started: now}
	own.recording.samples = make([]sample, 2)
	if err := own.Stopped(t.Context(), plugintest.Result{}); err != nil {
		t.Error(err)
	}
	if len(h.left) != 2 || max(h.left[0], h.left[1]) > time.Minute {
		t.Errorf("uploads that may take %v", h.left)
	}
}

// TestPageOfAnything: names that are markup stay text, and a clock that was set back draws no nonsense.
func TestPageOfAnything(t *testing.T) {
	r := report{
		TaskID: `"><script>alert(1)</script>`, Seconds: 60, Phases: []phase{{"preparing", 0, 5}, {"running", 5, 2}, {"uploading", 2, 60}},
		Samples: []point{{At: 5, CPU: 1}, {At: 1, CPU: 2}, {At: 1, CPU: 3, Received: 1}, {At: 2, CPU: 3, Received: 2}},
	}
	var page strings.Builder
	if err := draw(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "NaN", "Inf", `width="-`} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page has %s: %s", bad, page.String())
		}
	}
}
