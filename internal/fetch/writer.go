package fetch

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

const (
	chunk = 256 << 10
	// quiet is the time between lines about the progress.
	quiet = 30 * time.Second
)

// writer writes and hashes what a download gets. Where it gets the beginning a second time, what
// is in the file already stays, as somebody may have read it, as long as it is the same.
type writer struct {
	download *Download
	as       Access
	now      func() time.Time
	said     time.Time

	at     int64 // bytes since the beginning
	sums   map[string]hash.Hash
	buffer []byte
	older  []byte // to compare with
}

// newWriter makes a writer that finds out sha256 and those of the hashes that are known.
func newWriter(d *Download, as Access, now func() time.Time, known map[string]string) *writer {
	w := &writer{download: d, as: as, now: now, said: now(), buffer: make([]byte, chunk)}
	w.sums = map[string]hash.Hash{"sha256": sha256.New()}
	if known["sha512"] != "" {
		w.sums["sha512"] = sha512.New()
	}
	return w
}

func (w *writer) sum(name string) string { return hex.EncodeToString(w.sums[name].Sum(nil)) }

// all takes all of a source.
func (w *writer) all(from source) error {
	defer from.close()
	for {
		plain, done, bad := from.open()
		if bad == nil {
			var err error
			bad, err = w.copy(plain)
			done()
			if err != nil || bad == nil {
				return err
			}
		}
		if bad = from.explain(bad); bad != nil {
			return bad
		}
	}
}

// copy takes all of r, which begins with the first byte. bad is an error of r, err one of the file.
func (w *writer) copy(r io.Reader) (bad, err error) {
	w.at = 0
	for _, sum := range w.sums {
		sum.Reset()
	}
	for bad == nil {
		var n int
		n, bad = fill(r, w.buffer)
		if err := w.put(w.buffer[:n]); err != nil {
			return nil, w.download.content.wrap(err)
		}
		w.progress()
	}
	if bad != io.EOF { //nolint:errorlint // a Reader's end is the very value
		return bad, nil
	}
	return nil, w.download.cut(w.at)
}

// put takes the bytes that come next.
func (w *writer) put(data []byte) error {
	for _, sum := range w.sums {
		_, _ = sum.Write(data) // never an error
	}
	same, err := w.same(data)
	if err != nil {
		return err
	}
	w.at += int64(same)
	if data = data[same:]; len(data) == 0 {
		return nil
	}
	if err := w.download.cut(w.at); err != nil {
		return err
	}
	if _, err := w.download.file.WriteAt(data, w.at); err != nil {
		return err
	}
	w.at += int64(len(data))
	w.download.grown(w.at)
	return nil
}

// same tells how many bytes of data are in the file already.
func (w *writer) same(data []byte) (int, error) {
	there := min(w.download.length()-w.at, int64(len(data)))
	if there <= 0 {
		return 0, nil
	}
	if w.older == nil {
		w.older = make([]byte, chunk)
	}
	if _, err := w.download.file.ReadAt(w.older[:there], w.at); err != nil {
		return 0, err
	}
	if bytes.Equal(w.older[:there], data[:there]) {
		return int(there), nil
	}
	n := 0
	for w.older[n] == data[n] {
		n++
	}
	return n, nil
}

// progress says now and then how far it is.
func (w *writer) progress() {
	if now := w.now(); now.Sub(w.said) >= quiet {
		w.said = now
		w.as.log("%s", fmt.Sprintf("Downloaded %d MiB of %s so far", w.at>>20, w.download.content))
	}
}

// verify compares the hashes with those that the task and the object service say.
func (w *writer) verify(at location) error {
	c := w.download.content
	known := 0
	for name := range w.sums {
		want := at.hashes[name]
		if want == "" {
			continue
		}
		known++
		if got := w.sum(name); !strings.EqualFold(got, want) {
			return fmt.Errorf("%s: %w: its %s is %s, and the object service says %s: run the task that makes it again", c, ErrMismatch, name, got, want)
		}
	}
	if at.object && known == 0 {
		return fmt.Errorf("%s: the object service knows neither its sha256 nor its sha512: run the task that makes it again", c)
	}
	if c.SHA256 == "" {
		return nil
	}
	return Verify(c, w.sum("sha256"), c.SHA256)
}

// fill reads until p is full or there is an error, which may be io.EOF.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}
