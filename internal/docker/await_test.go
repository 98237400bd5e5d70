package docker_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/docker"
)

// TestAwait waits as long as it may, says so now and then, and does not wait in vain.
func TestAwait(t *testing.T) {
	none := "unix://" + filepath.Join(t.TempDir(), "none")
	synctest.Test(t, func(t *testing.T) {
		begin, said := time.Now(), 0
		_, err := docker.Await(t.Context(), none, 25*time.Second, func(why error) {
			said++
			if !strings.Contains(why.Error(), "there is no such socket") {
				t.Errorf("it says %v", why)
			}
		})
		if took := time.Since(begin); took != 25*time.Second || said != 3 || !errors.Is(err, docker.ErrNoEngine) || !strings.Contains(err.Error(), "waited 25s") {
			t.Errorf("after %s and %d words: %v", took, said, err)
		}
	})
	for _, address := range []string{"nonsense", "ftp://there", "ssh://somebody@there"} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			_, err := docker.Await(t.Context(), address, time.Hour, func(why error) { t.Errorf("it says %v", why) })
			if !errors.Is(err, docker.ErrNoEngine) || time.Since(begin) != 0 {
				t.Errorf("%s, which is no address: %v after %s", address, err, time.Since(begin))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("no time")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(cause) })
		if _, err := docker.Await(ctx, none, time.Hour, func(error) {}); !errors.Is(err, cause) {
			t.Errorf("with a context that ends: %v", err)
		}
	})
}
