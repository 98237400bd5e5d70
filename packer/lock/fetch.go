package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/packer"
)

// Fetcher fetches files for their digests and keeps none. It is safe for concurrent use.
type Fetcher struct {
	Client *http.Client
	Retry  retry.Policy  // what is repeated: broken connections, 429 and 5xx
	Stall  time.Duration // a server that sends nothing for so long is too slow
	Every  time.Duration // how often Progress is called for a file
	// Progress is told how many bytes have come of how many, which is below 0 where the server
	// does not say. It may be nil; it is called by several goroutines.
	Progress func(url string, done, total int64)
}

// ErrStalled is for a server that sends nothing any more.
var ErrStalled = errors.New("too slow: the server has stopped sending")

// open is a URL whose digest is wanted.
type open struct {
	url  string
	uses []string // "IMAGE (file:line)"
}

// openDownloads lists the URLs that the definitions give no digest for: those that no lock file
// does either, or all.
func openDownloads(images []packer.Image, again bool) []*open {
	var all []*open
	add := func(image packer.Image, address, sum, sumKey, urlKey string) {
		pinned := sum != ""
		if !strings.Contains(address, "://") || pinned && (!again || image.From[sumKey] != origin) {
			return
		}
		use := useOf(image, image.From[urlKey])
		if i := slices.IndexFunc(all, func(o *open) bool { return o.url == address }); i >= 0 {
			all[i].uses = append(all[i].uses, use)
			return
		}
		all = append(all, &open{address, []string{use}})
	}
	for _, image := range images {
		for _, t := range image.Targets {
			b := image.Bases[t]
			add(image, b.Disk, b.SHA256, packer.Key("base", string(t), "sha256"), packer.Key("base", string(t), "disk"))
		}
		for _, d := range image.Downloads {
			add(image, d.URL, d.SHA256, packer.Key("download", d.Path, "sha256"), packer.Key("download", d.Path, "url"))
		}
	}
	return all
}

func (u Updater) downloadJob(o *open, now *Lock) job {
	var sum string
	return job{
		run: func(ctx context.Context) (err error) {
			if sum, err = u.Fetch.sum(ctx, o.url); err != nil {
				return fmt.Errorf("update: fetch %s for %s: %w", packer.PublicURL(o.url), strings.Join(o.uses, ", "), err)
			}
			return nil
		},
		keep: func() error { now.Downloads[o.url] = sum; return nil },
	}
}

// sum fetches a file and returns its digest.
func (f *Fetcher) sum(ctx context.Context, address string) (sum string, err error) {
	err = retry.Do(ctx, f.Retry, func(ctx context.Context) error {
		var err error
		sum, err = f.once(ctx, address)
		if broken, ok := errors.AsType[*url.Error](err); ok {
			return broken.Err // without the URL, which may have a signature
		}
		return err
	})
	return sum, err
}

func (f *Fetcher) once(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", retry.Permanent(errors.New("that is no URL"))
	}
	if s := request.URL.Scheme; s != "http" && s != "https" {
		return "", retry.Permanent(fmt.Errorf("only http and https can be fetched, not %s: write the sha256 into the definition", s))
	}
	request.Header.Set("Accept-Encoding", "identity") // the digest is of the file, not of how it travels
	timer := time.AfterFunc(f.Stall, func() { cancel(ErrStalled) })
	defer timer.Stop()
	response, err := f.Client.Do(request)
	if err != nil {
		return "", stalled(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		err := errors.New(response.Status)
		if c := response.StatusCode; c < 500 && c != http.StatusTooManyRequests && c != http.StatusRequestTimeout {
			return "", retry.Permanent(err)
		}
		return "", err
	}
	sum, err := f.read(address, response, func() { timer.Reset(f.Stall) })
	if err != nil {
		return "", stalled(ctx, err)
	}
	return sum, nil
}

// read reads the file to its end. alive is called whenever some of it has come.
func (f *Fetcher) read(address string, response *http.Response, alive func()) (string, error) {
	body := &watched{Reader: response.Body, alive: alive}
	if f.Progress != nil {
		body.every, body.told = f.Every, time.Now()
		body.tell = func(done int64) { f.Progress(address, done, response.ContentLength) }
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// stalled is why a transfer ended: the server's silence, or err.
func stalled(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrStalled) {
		return ErrStalled
	}
	return err
}

// watched tells of each read.
type watched struct {
	io.Reader

	alive func()
	tell  func(done int64) // nil when nobody wants to know
	every time.Duration
	told  time.Time
	done  int64
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.alive()
	}
	w.done += int64(n)
	if w.tell != nil && time.Since(w.told) >= w.every {
		w.told = time.Now()
		w.tell(w.done)
	}
	return n, err
}
