package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// deaf is a runner whose worker cannot be asked yet.
type deaf struct{}

func (deaf) Status() Status { return Status{} }

func (deaf) Drain(ctx context.Context, _ bool) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// TestADrainThatIsNotHeard: the order stands, and whoever gave it is told so in time.
func TestADrainThatIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, w := time.Now(), httptest.NewRecorder()
		handler(deaf{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/drain", strings.NewReader(`{"finishTasks": true}`)))
		if took := time.Since(begin); w.Code != http.StatusAccepted || strings.TrimSpace(w.Body.String()) != `{"asked":false}` || took != heard {
			t.Errorf("%d %s after %v", w.Code, w.Body, took)
		}
	})
}
