package azure

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// apiVersions are what the metadata service answers to, from the oldest to the newest.
func apiVersions() []string {
	return []string{
		"2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02",
		"2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01",
		"2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
		"2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01",
		"2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
	}
}

// eventVersions are those of scheduled events, which differ.
func eventVersions() []string {
	return []string{"2017-08-01", "2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"}
}

// Service is the metadata service of one machine. It is safe for concurrent use.
type Service struct {
	cloud  *Cloud
	record Record
	clock  func() time.Time
	events events
}

func newService(c *Cloud, r Record, clock func() time.Time) *Service {
	return &Service{cloud: c, record: r, clock: clock, events: events{incarnation: 1}}
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(r.URL.Path, "/")
	switch {
	case !strings.EqualFold(r.Header.Get("Metadata"), "true"):
		refuse(w, http.StatusBadRequest, "Bad request. Required metadata header not specified")
	case r.Header.Get("X-Forwarded-For") != "":
		refuse(w, http.StatusBadRequest, "Bad request. X-Forwarded-For header is not allowed")
	case path == "metadata/scheduledevents":
		if versioned(w, r, eventVersions()) {
			s.serveEvents(w, r)
		}
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "Method not allowed")
	case path == "metadata/versions":
		send(w, map[string]any{"apiVersions": apiVersions()})
	case path == "metadata/attested/document":
		if versioned(w, r, apiVersions()) {
			s.serveDocument(w, r)
		}
	case path == "metadata/instance" || strings.HasPrefix(path, "metadata/instance/"):
		if versioned(w, r, apiVersions()) {
			s.serveInstance(w, r, strings.TrimPrefix(path, "metadata/instance"))
		}
	default:
		refuse(w, http.StatusNotFound, "Not found")
	}
}

// versioned tells whether the request names a version that there is, and answers it if not.
func versioned(w http.ResponseWriter, r *http.Request, known []string) bool {
	asked := r.URL.Query()["api-version"]
	if len(asked) == 1 && slices.Contains(known, asked[0]) {
		return true
	}
	newest := known[len(known)-3:]
	slices.Reverse(newest)
	sendStatus(w, http.StatusBadRequest, map[string]any{
		"error":           "Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds",
		"newest-versions": newest,
	})
	return false
}

func (s *Service) serveDocument(w http.ResponseWriter, r *http.Request) {
	a, err := s.cloud.authority()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	signature, err := a.attest(s.record, r.URL.Query().Get("nonce"), s.clock())
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	send(w, map[string]string{"encoding": "pkcs7", "signature": signature})
}

func refuse(w http.ResponseWriter, status int, text string) {
	sendStatus(w, status, map[string]string{"error": text})
}

func send(w http.ResponseWriter, v any) { sendStatus(w, http.StatusOK, v) }

func sendStatus(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Server", "IMDS/150.870.65.1854")
	w.WriteHeader(status)
	_, _ = w.Write(data) // whoever asked is gone when this fails
}
