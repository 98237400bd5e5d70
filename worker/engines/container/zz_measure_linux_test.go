package container

import (
	"os/exec"
	"testing"
	"time"
	"slices"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

func TestZMeasure(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.BusyboxImage(t, e)
		engine := newEngine(t, e, nil)
		for _, pipe := range []bool{true, false} {
			begin := time.Now()
			run, r := do(t, engine, "dd if=/dev/zero bs=64k count=4096 2>/dev/null | tr '\\0' 'x' | fold -w 99", map[string]any{"pipe": pipe})
			t.Logf("%s pipe %v: %.0f MB/s %+v size %d", e.Label, pipe, 271/time.Since(begin).Seconds(), r.Status().ExitCode, run.Log.Size())
		}
		begin := time.Now()
		_, _ = do(t, engine, "dd if=/dev/zero bs=64k count=8192 2>/dev/null", map[string]any{"pipe": true})
		t.Logf("%s zeros pipe: %.0f MB/s", e.Label, 536/time.Since(begin).Seconds())
		var all, sh []time.Duration
		for range 10 {
			begin := time.Now()
			b := build(t, engine, newRun(t, scripted("true", nil)))
			a := time.Now()
			s := start(t, b)
			c := time.Now()
			r, _ := s.Wait(t.Context())
			d := time.Now()
			_ = r.Dispose(t.Context())
			all = append(all, time.Since(begin))
			t.Logf("build %v start %v wait %v dispose %v", a.Sub(begin), c.Sub(a), d.Sub(c), time.Since(d))
			if e.Label == "docker" {
				if _, err := exec.LookPath("docker"); err == nil {
					begin = time.Now()
					out, err := exec.Command("docker", "-H", e.Host, "run", "--rm", "-t", dockertest.Image, "true").CombinedOutput()
					if err != nil { t.Log(string(out)) }
					sh = append(sh, time.Since(begin))
				}
			}
		}
		slices.Sort(all); slices.Sort(sh)
		t.Logf("%s no-op median %v", e.Label, all[5])
		if len(sh) > 5 { t.Logf("docker run --rm median %v", sh[5]) }
	})
}
