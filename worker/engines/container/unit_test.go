package container

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/moby/moby/api/types/container"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	schema "github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// frame is a piece of a stream as the engine sends it.
func frame(stream byte, text []byte) []byte {
	head := make([]byte, frameHeader)
	head[0] = stream
	binary.BigEndian.PutUint32(head[frameLength:], uint32(len(text)))
	return append(head, text...)
}

// sips reads so many bytes at a time.
type sips struct {
	io.Reader
	size int
}

func (s sips) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), s.size)]) }

// TestSplit: whatever the pieces, and however they come, all bytes arrive in order.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent, want []byte
		for _, text := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 50), 0, 20).Draw(t, "frames") {
			sent = append(sent, frame(rapid.SampledFrom([]byte{1, 2}).Draw(t, "stream"), text)...)
			want = append(want, text...)
		}
		var got bytes.Buffer
		size := rapid.IntRange(1, 100).Draw(t, "size")
		if err := split(&got, sips{bytes.NewReader(sent), size}); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%q, %v; want %q", got.Bytes(), err, want)
		}
	})
	large := bytes.Repeat([]byte("x"), 3*chunk)
	var got bytes.Buffer
	if err := split(&got, bytes.NewReader(frame(1, large))); err != nil || !bytes.Equal(got.Bytes(), large) {
		t.Errorf("%d bytes of %d, %v", got.Len(), len(large), err)
	}
}

func TestOutputFaults(t *testing.T) {
	full := iotest.ErrReader(syscall.ENOSPC)
	text := strings.NewReader(strings.Repeat("x", 4*chunk))
	if err := raw(writer{full}, text); !errors.Is(err, syscall.ENOSPC) || text.Len() > 0 {
		t.Errorf("a log that is full: %v, with %d bytes left unread", err, text.Len())
	}
	var got bytes.Buffer
	err := split(&got, bytes.NewReader(append(frame(1, []byte("a")), frame(frameFault, []byte("it broke"))...)))
	if err == nil || !strings.Contains(err.Error(), "it broke") || got.String() != "a" {
		t.Errorf("a fault of the engine: %v, %q", err, &got)
	}
}

// writer fails as a reader does.
type writer struct{ io.Reader }

func (w writer) Write(p []byte) (int, error) { return w.Read(p) }

func TestGPUs(t *testing.T) {
	caps := [][]string{{"gpu"}}
	for text, want := range map[string]container.DeviceRequest{
		"all":                              {Count: -1, Capabilities: caps},
		"2":                                {Count: 2, Capabilities: caps},
		"device=GPU-1":                     {DeviceIDs: []string{"GPU-1"}, Capabilities: caps},
		`"device=0,1"`:                     {DeviceIDs: []string{"0", "1"}, Capabilities: caps},
		`driver=nvidia,"capabilities=a,b"`: {Driver: "nvidia", Capabilities: [][]string{{"a", "b", "gpu"}}},
		`count=all,driver=nvidia`:          {Count: -1, Driver: "nvidia", Capabilities: caps},
	} {
		if got, err := gpus(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"many", "colour=red", `"`} {
		if _, err := gpus(text); err == nil || !strings.Contains(err.Error(), "d2gConfig.gpus") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestResources(t *testing.T) {
	b := &builder{engine: &Engine{}, env: map[string]string{"TASKCLUSTER_VIDEO_DEVICE": "/dev/video3"}}
	r, err := b.resources()
	if err != nil || r.Memory != 0 || r.MemorySwap != -1 || *r.PidsLimit != -1 || r.CPUShares != 0 || len(r.Devices) != 0 {
		t.Errorf("without limits: %+v, %v", r, err)
	}
	b.engine.config.Limits = proc.Limits{Memory: 1 << 30, Processes: 7, CPUWeight: 1}
	b.spec.Devices.KVM, b.spec.Devices.LoopbackAudio, b.spec.Devices.LoopbackVideo = true, true, true
	r, err = b.resources()
	if err != nil || r.Memory != 1<<30 || r.MemorySwap != 1<<30 || *r.PidsLimit != 7 || r.CPUShares != 10 {
		t.Errorf("with limits: %+v, %v", r, err)
	}
	if got := fmt.Sprint(r.Devices); got != "[{/dev/kvm /dev/kvm rwm} {/dev/snd /dev/snd rwm} {/dev/video3 /dev/video3 rwm}]" {
		t.Errorf("devices %s", got)
	}
}

// TestNotStarted has the texts of real engines.
func TestNotStarted(t *testing.T) {
	const docker = "Error response from daemon: OCI runtime create failed: container_linux.go:380: starting container process caused: "
	for text, want := range map[string]int{
		docker + `exec: "x": executable file not found in $PATH: unknown`:                                                                          notFound,
		docker + `exec: "/x": stat /x: no such file or directory: unknown`:                                                                         notFound,
		docker + `exec: "/etc/passwd": permission denied: unknown`:                                                                                 notExecutable,
		"runc: exec failed: unable to start container process: exec format error":                                                                  notExecutable,
		"runc create failed: unable to start container process: exec: \"/etc\": is a directory":                                                    notExecutable,
		docker + `error mounting "/caches/x" to rootfs at "/proc": "/overlay/merged/proc" cannot be mounted because it is inside /proc: unknown`:   notExecutable,
		"runc: runc create failed: invalid mount {Destination:/a: OCI runtime error":                                                               notExecutable,
		docker + "error during container init: open /dev/ptmx: no such file or directory: unknown":                                                 notExecutable,
		docker + "exec /bin/sh: argument list too long":                                                                                            notExecutable,
		docker + `error mounting "/caches/x" to rootfs at "/x": no space left on device`:                                                           0,
		docker + "process_linux.go: setting cgroup config: no such file or directory":                                                              0,
		"runc: runc create failed: unable to start container process: error setting rlimit type 7: operation not permitted: OCI permission denied": 0,
		docker + "unable to apply caps: operation not permitted: permission denied":                                                                0,
		docker + "write /run/x: no space left on device":                                                                                           0,
		"Error response from daemon: network x not found":                                                                                          0,
		"dial unix /run/docker.sock: connect: no such file or directory":                                                                           0,
	} {
		if code, ours := notStarted(errors.New(text)); code != want || ours != (want != 0) {
			t.Errorf("%s: %d, %v; want %d", text, code, ours, want)
		}
	}
}

func TestLimited(t *testing.T) {
	limits := proc.Limits{Memory: 100 << 20, Processes: 9}
	ok, failed := engines.Status{Success: true}, engines.Status{ExitCode: 137, Reason: "exit status 137"}
	for name, test := range map[string]struct {
		status engines.Status
		used   account
		want   string
	}{
		"nothing":                   {ok, account{refused: 1}, ""},
		"killed within":             {ok, account{kills: 1, peak: 100 << 20}, "the task used more than its 100 MiB of memory (workerkit.taskLimits) and was killed by the system"},
		"not known how much":        {failed, account{kills: 1}, "the task used more than its 100 MiB of memory (workerkit.taskLimits) and was killed by the system"},
		"the machine had no memory": {failed, account{kills: 1, peak: 1 << 20}, "exit status 137; there was no memory left on the machine, and the system killed a process of the task"},
		"processes":                 {failed, account{refused: 2}, "exit status 137; the task was at its limit of 9 processes and threads (workerkit.taskLimits)"},
	} {
		if got := limited(test.status, limits, test.used); got.Reason != test.want || got.Success != (test.want == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMountsWithinMounts(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o700), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), os.Symlink("/etc", filepath.Join(dir, "out"))); err != nil {
		t.Fatal(err)
	}
	b := &builder{workdir: "/work", mounts: []mounted{{engines.Mount{Source: dir, Target: "/a"}, true}, {engines.Mount{Source: filepath.Join(dir, "file"), Target: "/f"}, false}}}
	for target, fit := range map[string]bool{
		"/": false, "/a": false, "/a/../a": false, "/a/file": false, "/a/file/x": false, "/f/x": false, "/a/out/x": false,
		"/a/sub": true, "/a/new": true, "/ab": true, "x": true, ".": true,
	} {
		if why := b.unfit(mounted{engines.Mount{Target: b.absolute(target)}, true}); (why == "") != fit {
			t.Errorf("%s: %q", target, why)
		}
	}
}

func TestGuests(t *testing.T) {
	n := network{gateway: netip.MustParseAddr("172.20.0.1"), subnet: netip.MustParsePrefix("172.20.0.0/16")}
	for address, want := range map[string]bool{"172.20.0.2": true, "::ffff:172.20.0.2": true, "172.20.0.1": false, "172.21.0.2": false, "127.0.0.1": false, "::1": false} {
		if got := n.guest(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// TestSchema has payloads that are valid and some that are not.
func TestSchema(t *testing.T) {
	s, err := schema.Merge(map[string]schema.Fragment{"engine": (&Engine{}).Payload()})
	if err != nil {
		t.Fatal(err)
	}
	for text, valid := range map[string]bool{
		`{"container":{"image":{"name":"busybox"}}}`: true,
		`{"container":{"image":{"namespace":"a.b","path":"public/i.tar"},"command":["a",""],"privileged":true,"devices":{"kvm":true}}}`: true,
		`{"container":{"image":{"taskId":"a","path":"p"},"workingDirectory":"/x","pipe":true}}`:                                         true,
		`{"container":{"image":{"taskId":"a","path":"p","name":"n"}}}`:                                                                  false,
		`{"container":{"image":{"path":"p"}}}`:                                                                                          false,
		`{"container":{"image":{"name":"x"},"command":"x"}}`:                                                                            false,
		`{"container":{"image":{"name":"x"},"devices":{"gpu":true}}}`:                                                                   false,
		`{"container":{"image":{"name":"x"},"workingDirectory":"here"}}`:                                                                false,
		`{}`: false,
	} {
		problems, err := s.Validate(json.RawMessage(text))
		if err != nil || (len(problems) == 0) != valid {
			t.Errorf("%s: %q, %v", text, problems, err)
		}
	}
}

// TestExplain: what goes wrong with the engine says what to do.
func TestExplain(t *testing.T) {
	for want, err := range map[string]error{
		"requiredDiskSpaceMegabytes": errors.New("write /var/lib/docker/x: no space left on device"),
		"journalctl":                 fmt.Errorf("x: %w", syscall.ECONNREFUSED),
	} {
		if got := explain(err); task.Resolve(got) != task.InternalError || !strings.Contains(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
	ours := task.Malformed("no space left on device")
	if got := explain(ours); !errors.Is(got, ours) || task.Resolve(got) != task.MalformedPayload {
		t.Errorf("an error that says how the run ends: %v", got)
	}
	if explain(nil) != nil || docker.Gone(nil) {
		t.Error("no error is one")
	}
}

// TestLeft: what could not be removed is tried again with the next run, until it goes.
func TestLeft(t *testing.T) {
	e := &Engine{config: Config{Logger: slog.New(slog.DiscardHandler)}}
	gone := errors.New("the engine is not there")
	var asked []string
	remove := func(_ context.Context, id string) error {
		asked = append(asked, id)
		return gone
	}
	for _, id := range []string{"container", "network"} {
		if err := e.remove(t.Context(), leftover{id, remove}); !errors.Is(err, gone) {
			t.Error(err)
		}
	}
	e.removeLeft(t.Context())
	gone = nil
	e.removeLeft(t.Context())
	e.removeLeft(t.Context())
	if want := []string{"container", "network", "container", "network", "container", "network"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}
