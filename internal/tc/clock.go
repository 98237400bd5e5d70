package tc

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock compares this machine's clock with that of the services, which every reply tells.
type clock struct{ skew atomic.Pointer[time.Duration] }

// note takes the time of a reply that has just come. It is good to about a second.
func (c *clock) note(reply *http.Response) {
	if reply.Header.Get("Age") != "" { // out of a cache
		return
	}
	sent, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil {
		return
	}
	const middle = 500 * time.Millisecond // Date has whole seconds
	skew := time.Now().Round(0).Sub(sent.Add(middle))
	c.skew.Store(&skew)
}

// timed is an HTTP client that notes the time of each reply.
type timed struct {
	http  *http.Client
	clock *clock
}

// Do implements the public client's interface.
func (t timed) Do(r *http.Request) (*http.Response, error) {
	reply, err := t.http.Do(r)
	if err == nil {
		t.clock.note(reply)
	}
	return reply, err
}

// Skew is how far this machine's clock is ahead of the services', by the last reply; negative
// when it is behind, and good to about a second. It is false before a first reply.
func (c *Client) Skew() (time.Duration, bool) {
	if skew := c.clock.skew.Load(); skew != nil {
		return *skew, true
	}
	return 0, false
}
