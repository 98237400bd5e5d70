package ec2

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"             //nolint:gosec // the name of a header
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds" //nolint:gosec // the name of a header
	// longest is the longest that a token may live, in seconds.
	longest = 21600
)

// service is the metadata service of one instance.
type service struct {
	clock  func() time.Time
	random io.Reader
	record record
	fixed  map[string]string // what never changes, by the path below /latest/

	mu     sync.Mutex           // guards what follows
	tokens map[string]time.Time // until when each is good
	events events
}

// Serve implements clouds.Cloud.
func (c *Cloud) Serve(stored json.RawMessage, s clouds.Settings) (clouds.Service, error) {
	r, err := decodeRecord(stored)
	if err != nil {
		return nil, err
	}
	document := r.document()
	signature, err := c.sign(document)
	if err != nil {
		return nil, err
	}
	fixed := map[string]string{
		"user-data":                             string(r.UserData),
		"dynamic/instance-identity/document":    document,
		"dynamic/instance-identity/signature":   signature,
		"meta-data/ami-id":                      r.ImageID,
		"meta-data/instance-id":                 r.InstanceID,
		"meta-data/instance-type":               r.InstanceType,
		"meta-data/local-ipv4":                  r.PrivateIP,
		"meta-data/placement/availability-zone": r.AvailabilityZone,
		"meta-data/placement/region":            r.Region,
	}
	if r.PublicIP != "" {
		fixed["meta-data/public-ipv4"], fixed["meta-data/public-hostname"] = r.PublicIP, r.PublicHostname
	}
	return &service{clock: s.Clock, random: c.random, record: r, fixed: fixed, tokens: map[string]time.Time{}}, nil
}

// ServeHTTP implements http.Handler.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	switch {
	case r.URL.Path == "/latest/api/token" && r.Method == http.MethodPut:
		s.issue(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		fail(w, http.StatusMethodNotAllowed)
	default:
		s.answer(w, r)
	}
}

// issue makes a token, but for nobody behind a proxy.
func (s *service) issue(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.Header.Get(ttlHeader))
	switch {
	case r.Header.Get("X-Forwarded-For") != "":
		fail(w, http.StatusForbidden)
		return
	case err != nil || seconds < 1 || seconds > longest:
		fail(w, http.StatusBadRequest)
		return
	}
	b := make([]byte, 42) // as long as EC2's
	if _, err := s.random.Read(b); err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	token := base64.URLEncoding.EncodeToString(b)
	s.remember(token, time.Duration(seconds)*time.Second)
	send(w, seconds, token, "text/plain")
}

// remember makes a token good for so long, and forgets those that are not good any longer.
func (s *service) remember(token string, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for old, until := range s.tokens {
		if !until.After(now) {
			delete(s.tokens, old)
		}
	}
	s.tokens[token] = now.Add(life)
}

// answer answers a GET with a good token.
func (s *service) answer(w http.ResponseWriter, r *http.Request) {
	path, latest := strings.CutPrefix(r.URL.Path, "/latest/")
	switch left, text, ok := s.lookup(r.Header.Get(tokenHeader), path); {
	case left <= 0:
		fail(w, http.StatusUnauthorized)
	case path == "api/token":
		fail(w, http.StatusMethodNotAllowed)
	case !latest || !ok:
		fail(w, http.StatusNotFound)
	case path == "user-data":
		send(w, int(left/time.Second), text, "application/octet-stream")
	default:
		send(w, int(left/time.Second), text, "text/plain")
	}
}

// lookup is how long the token is still good, and what is at a path below /latest/.
func (s *service) lookup(token, path string) (left time.Duration, text string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left = s.tokens[token].Sub(s.clock())
	if text, ok = s.fixed[path]; !ok {
		text, ok = s.events.lookup(strings.TrimPrefix(path, "meta-data/"))
	}
	return left, text, ok
}

func send(w http.ResponseWriter, ttl int, text, kind string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set(ttlHeader, strconv.Itoa(ttl))
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text) // whoever has gone away does not want to know
}

// fail is EC2's page for a status code.
func fail(w http.ResponseWriter, code int) {
	title := fmt.Sprintf("%d - %s", code, http.StatusText(code))
	page := `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>` + title + `</title>
 </head>
 <body>
  <h1>` + title + `</h1>
 </body>
</html>
`
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(code)
	_, _ = io.WriteString(w, page) // the same
}
