package gce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// base is the path of the metadata's tree.
const base = "/computeMetadata/v1/"

// service is the metadata server of one instance.
type service struct {
	cloud  *Cloud
	record record
	clock  func() time.Time

	mu      sync.Mutex
	events  events
	changed chan struct{} // closed, and made anew, when events change
}

// Notify implements clouds.Service.
func (s *service) Notify(n clouds.Notice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n.Kind {
	case "preempted":
		s.events.preempted = !n.Cancel
	case "maintenance-terminate":
		s.events.maintenance = unless(n.Cancel, "TERMINATE_ON_HOST_MAINTENANCE")
	case "maintenance-migrate":
		s.events.maintenance = unless(n.Cancel, "MIGRATE_ON_HOST_MAINTENANCE")
	case "upcoming-maintenance":
		if s.events.upcoming = s.clock().Add(n.In); n.Cancel {
			s.events.upcoming = time.Time{}
		}
	default:
		return fmt.Errorf("gce: there is no notice %q; known are preempted, maintenance-terminate, maintenance-migrate and upcoming-maintenance", n.Kind)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func unless(cancelled bool, text string) string {
	if cancelled {
		return ""
	}
	return text
}

// ServeHTTP implements http.Handler.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Metadata-Flavor", "Google")
	header.Set("Server", "Metadata Server for VM")
	header.Set("X-XSS-Protection", "0")
	header.Set("X-Frame-Options", "SAMEORIGIN")
	switch path, inside := strings.CutPrefix(r.URL.Path, base); {
	case r.URL.Path == "/": // for those who look whether there is a server: it needs no header
		plain(w, "computeMetadata/\n")
	case r.Header.Get("Metadata-Flavor") != "Google" && r.Header.Get("X-Google-Metadata-Request") != "True":
		refuse(w, r, http.StatusForbidden, "Missing Metadata-Flavor:Google header.")
	case r.Header.Get("X-Forwarded-For") != "":
		refuse(w, r, http.StatusForbidden, "X-Forwarded-For headers are not accepted.")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, r, http.StatusMethodNotAllowed, "")
	case r.URL.Path == "/computeMetadata/":
		plain(w, "v1/\n")
	case !inside:
		refuse(w, r, http.StatusNotFound, "")
	case strings.HasPrefix(path, "instance/service-accounts/") && strings.HasSuffix(path, "/identity"):
		s.identity(w, r, strings.TrimSuffix(path, "/identity"))
	default:
		s.value(w, r, path)
	}
}

// value answers with a leaf or a folder, at once or when it has changed.
func (s *service) value(w http.ResponseWriter, r *http.Request, path string) {
	query := r.URL.Query()
	node, etag, ok := s.await(r, path, query)
	switch {
	case r.Context().Err() != nil:
		return // nobody listens
	case !ok:
		refuse(w, r, http.StatusNotFound, "")
		return
	}
	recursive, folder := on(query, "recursive"), children(node) != nil
	if folder && !recursive && !strings.HasSuffix(r.URL.Path, "/") {
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
		return
	}
	w.Header().Set("ETag", etag)
	alt := query.Get("alt")
	switch {
	case alt == "json" || (alt == "" && recursive && folder):
		data, _ := json.Marshal(value(node)) // strings and numbers
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	case recursive && folder:
		plain(w, lines(node, ""))
	default:
		plain(w, text(node))
	}
}

// await is the node at path with its ETag; false when there is none. With wait_for_change it
// waits until the ETag is not that of the caller, or of the moment of the call, any longer.
func (s *service) await(r *http.Request, path string, query url.Values) (node any, etag string, ok bool) {
	wait, last := on(query, "wait_for_change"), query.Get("last_etag")
	var timeout <-chan time.Time
	if seconds, err := strconv.Atoi(query.Get("timeout_sec")); err == nil && seconds > 0 {
		timer := time.NewTimer(time.Duration(seconds) * time.Second)
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		var changed chan struct{}
		node, etag, changed, ok = s.look(path)
		if last == "" {
			last = etag
		}
		if !ok || !wait || etag != last {
			return node, etag, ok
		}
		select {
		case <-changed:
		case <-timeout:
			return node, etag, ok
		case <-r.Context().Done():
			return nil, "", false
		}
	}
}

// look is the node at path now, with a channel that is closed at the next change.
func (s *service) look(path string) (node any, etag string, changed chan struct{}, ok bool) {
	s.mu.Lock()
	e, changed := s.events, s.changed
	s.mu.Unlock()
	if node, ok = find(metadata(s.record, e), path); !ok {
		return nil, "", changed, false
	}
	data, _ := json.Marshal(value(node)) // strings and numbers, keys in order
	sum := sha256.Sum256(data)
	return node, hex.EncodeToString(sum[:8]), changed, true
}

func on(query url.Values, name string) bool { return strings.EqualFold(query.Get(name), "true") }

func plain(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/text")
	_, _ = w.Write([]byte(text))
}

// refuse answers with an error page such as Google's.
func refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	path := "<code>" + html.EscapeString(r.URL.Path) + "</code>"
	said := map[int]string{
		http.StatusForbidden:        "Your client does not have permission to get URL " + path + " from this server. " + why,
		http.StatusNotFound:         "The requested URL " + path + " was not found on this server.",
		http.StatusMethodNotAllowed: "The request method is inappropriate for the URL " + path + ".",
	}[status]
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Error %d (%s)!!1</title>
  <p><b>%[1]d.</b> <ins>That's an error.</ins>
  <p>%[3]s <ins>That's all we know.</ins>
`, status, http.StatusText(status), said)
}
