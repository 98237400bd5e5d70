package clouds

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is how a metadata service misbehaves.
type Fault struct {
	// Kind is a status code ("401", "403", "404", "429", "500", "503"), or "slow" (answers after
	// Delay), "silent" (takes the request and never answers), "reset" (drops the connection) or
	// "clock" (the service's clock is Delay ahead, behind when negative).
	Kind  string        `json:"kind"`
	Path  string        `json:"path,omitempty"`  // only requests whose path has this prefix
	Times int           `json:"times,omitempty"` // only so many requests; 0 means until cleared
	Delay time.Duration `json:"delay,omitempty"` // nanoseconds
}

// Faults is a metadata service's faults. The zero value has none. It is safe for concurrent use.
type Faults struct {
	mu   sync.Mutex
	list []Fault
	skew time.Duration
}

// status is the reply that a fault forces, 0 when it forces none.
func (f Fault) status() int {
	switch f.Kind {
	case "401", "403", "404", "429", "500", "502", "503":
		code, _ := strconv.Atoi(f.Kind)
		return code
	default:
		return 0
	}
}

// Add makes the service misbehave from now on.
func (f *Faults) Add(fault Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case fault.Path != "" && !strings.HasPrefix(fault.Path, "/"):
		return fmt.Errorf("no request's path begins with %q: it begins with a slash, as /latest/api/token does", fault.Path)
	case fault.Times < 0:
		return errors.New("a fault cannot be there for fewer than no requests")
	case fault.Kind == "slow" && fault.Delay <= 0:
		return errors.New("the fault slow needs a delay of more than 0")
	case fault.Kind == "clock":
		f.skew = fault.Delay
	case fault.status() != 0, fault.Kind == "slow", fault.Kind == "silent", fault.Kind == "reset":
		f.list = append(f.list, fault)
	default:
		return fmt.Errorf("there is no fault %q; known are 401, 403, 404, 429, 500, 502, 503, slow, silent, reset and clock", fault.Kind)
	}
	return nil
}

// Clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list, f.skew = nil, 0
}

// Clock is clock with the fault in it.
func (f *Faults) Clock(clock func() time.Time) func() time.Time {
	return func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return clock().Add(f.skew)
	}
}

// next is the fault for a request, and uses it up.
func (f *Faults) next(path string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		fault := f.list[i]
		if !strings.HasPrefix(path, fault.Path) {
			continue
		}
		if fault.Times == 1 {
			f.list = append(f.list[:i:i], f.list[i+1:]...)
		} else if fault.Times > 1 {
			f.list[i].Times--
		}
		return fault, true
	}
	return Fault{}, false
}

// Wrap puts the faults before a service.
func (f *Faults) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, ok := f.next(r.URL.Path)
		switch {
		case !ok:
			h.ServeHTTP(w, r)
		case fault.Kind == "slow":
			timer := time.NewTimer(fault.Delay)
			defer timer.Stop()
			select {
			case <-timer.C:
				h.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		case fault.Kind == "silent":
			<-r.Context().Done()
		case fault.Kind == "reset":
			if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = connection.Close() // dropped is dropped
			}
		default:
			http.Error(w, http.StatusText(fault.status()), fault.status())
		}
	})
}
