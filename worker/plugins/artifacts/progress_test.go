package artifacts

import (
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
)

// position is a file of which so much has been read.
type position struct {
	at  int64
	err error
}

func (p *position) Seek(int64, int) (int64, error) { return p.at, p.err }

func TestProgressIsToldOfLongUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p progress
		big, small, tiny := p.enter("public/big"), p.enter("small"), p.enter("tiny")
		file := &position{}
		tell := func(want ...string) {
			t.Helper()
			if got := p.lines(time.Now()); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
		big.phase("Compressing", 9<<30, file)
		tiny.phase("Uploading", 5, io.NopCloser(nil)) // no file
		file.at = 1 << 20
		tell() // not for long
		time.Sleep(every)
		small.phase("Uploading", 100<<20, &position{})
		file.at = 3 << 30
		tell("Compressing public/big: 3.0 of 9.0 GiB, 33 %, 102.4 MiB/s")
		time.Sleep(every)
		file.at += 30 << 10
		tell("Compressing public/big: 3.0 of 9.0 GiB, 33 %, 1.0 KiB/s", "Uploading small: 0.0 of 100.0 MiB, 0 %, 0 bytes/s")
		big.phase("Uploading", 1<<30, file)
		tell()
		file.err = io.ErrClosedPipe
		small.leave()
		time.Sleep(every)
		tell()
	})
}

func TestSummary(t *testing.T) {
	var p progress
	if got := p.summary(time.Second); got != "" {
		t.Errorf("nothing was uploaded: %s", got)
	}
	one := p.enter("a")
	one.sent(artifact.Data{Size: 1, Length: 1})
	if got := p.summary(1234567 * time.Nanosecond); got != "Uploaded 1 artifact, 1 byte in 1ms" {
		t.Error(got)
	}
	for range 13 {
		one.sent(artifact.Data{Size: 100 << 20, Length: 412 << 20 / 13})
	}
	if got := p.summary(12345 * time.Millisecond); got != "Uploaded 14 artifacts, 1.3 GiB (412.0 MiB sent) in 12.3s" {
		t.Error(got)
	}
}
