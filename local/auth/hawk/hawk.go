// Package hawk checks requests that are signed by the Hawk scheme: the Authorization header,
// the bewit of a signed URL, and the payload hash.
package hawk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Error is why a signature does not count, in the words of Hawk's reference implementation.
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }

// The errors of verification; those of Parse are about the form.
const (
	ErrMAC     Error = "Bad mac"
	ErrStale   Error = "Stale timestamp"
	ErrExpired Error = "Access expired"
	ErrHash    Error = "Bad payload hash"
)

// Request is what a signature covers.
type Request struct {
	Method        string // in upper case
	Resource      string // path and query, as they stood in the request
	Host          string // without the port, in lower case
	Port          string
	Authorization string // the header's value, "" when there is none
}

// Signature is a request's signature, read and not yet verified.
type Signature struct {
	ID    string // whose key signed it
	Ext   string // data of the application, signed as well
	Hash  string // of the payload, "" when the payload is not signed
	Bewit bool

	request Request
	time    time.Time // of the signing; of a bewit the end
	nonce   string
	mac     string
}

// FromHTTP takes out of r what a signature covers. Where the Host header names no port it is
// that of plain HTTP.
func FromHTTP(r *http.Request) Request {
	u := url.URL{Scheme: "http", Host: r.Host}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	resource := r.RequestURI
	if !strings.HasPrefix(resource, "/") {
		resource = r.URL.RequestURI() // it was a whole URL, as proxies get
	}
	return Request{
		Method: r.Method, Resource: resource, Host: strings.ToLower(u.Hostname()), Port: port,
		Authorization: r.Header.Get("Authorization"),
	}
}

// Parse reads the signature of a request. It returns nil when the request has none. Its
// errors are of type Error.
func Parse(r Request) (*Signature, error) {
	resource, bewit := cutBewit(r.Resource)
	switch {
	case bewit != "" && r.Authorization != "":
		return nil, Error("Multiple authentications")
	case bewit != "":
		r.Resource = resource
		return parseBewit(r, bewit)
	case r.Authorization != "":
		return parseHeader(r)
	default:
		return nil, nil
	}
}

// cutBewit takes the bewit parameter out of a resource, in place: the rest is as it was signed.
func cutBewit(resource string) (rest, bewit string) {
	path, query, _ := strings.Cut(resource, "?")
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		value, found := strings.CutPrefix(part, "bewit=")
		if found && bewit == "" {
			bewit = value
			continue
		}
		kept = append(kept, part)
	}
	if bewit == "" {
		return resource, ""
	}
	if len(kept) > 0 {
		path += "?" + strings.Join(kept, "&")
	}
	return path, bewit
}

func parseBewit(r Request, bewit string) (*Signature, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, Error("Invalid method")
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(bewit, "="))
	if err != nil {
		return nil, Error("Invalid bewit encoding")
	}
	parts := strings.Split(string(text), `\`)
	if len(parts) != 4 {
		return nil, Error("Invalid bewit structure")
	}
	end, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || parts[0] == "" || parts[2] == "" {
		return nil, Error("Missing bewit attributes")
	}
	r.Method = http.MethodGet
	return &Signature{
		ID: parts[0], Ext: parts[3], Bewit: true, request: r, time: time.Unix(end, 0), mac: parts[2],
	}, nil
}

func parseHeader(r Request) (*Signature, error) {
	scheme, rest, _ := strings.Cut(r.Authorization, " ")
	if !strings.EqualFold(scheme, "hawk") {
		return nil, Error("Unsupported authentication scheme")
	}
	attributes, err := parseAttributes(rest)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"id", "ts", "nonce", "mac"} {
		if attributes[name] == "" {
			return nil, Error("Missing attributes")
		}
	}
	seconds, err := strconv.ParseInt(attributes["ts"], 10, 64)
	if err != nil {
		return nil, Error("Invalid timestamp")
	}
	return &Signature{
		ID: attributes["id"], Ext: attributes["ext"], Hash: attributes["hash"],
		request: r, time: time.Unix(seconds, 0), nonce: attributes["nonce"], mac: attributes["mac"],
	}, nil
}

// parseAttributes reads `name="value", …`. Values have no escapes.
func parseAttributes(text string) (map[string]string, error) {
	attributes := map[string]string{}
	for text = strings.TrimLeft(text, ", "); text != ""; text = strings.TrimLeft(text, ", ") {
		name, rest, ok := strings.Cut(text, `="`)
		value, after, closed := strings.Cut(rest, `"`)
		if !ok || !closed {
			return nil, Error("Bad header format")
		}
		switch name {
		case "id", "ts", "nonce", "hash", "ext", "mac":
		default:
			return nil, Error("Unknown attribute: " + name)
		}
		if _, twice := attributes[name]; twice {
			return nil, Error("Duplicate attribute: " + name)
		}
		attributes[name] = value
		text = after
	}
	return attributes, nil
}

// Verify checks the signature with the signer's key, and its time: a header is good for the
// skew before and after its time, a bewit until its end.
func (s *Signature) Verify(key string, now time.Time, skew time.Duration) error {
	kind := "header"
	if s.Bewit {
		kind = "bewit"
	}
	if s.Bewit && !now.Before(s.time) {
		return ErrExpired
	}
	text := fmt.Sprintf("hawk.1.%s\n%d\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n", kind, s.time.Unix(), s.nonce,
		s.request.Method, s.request.Resource, s.request.Host, s.request.Port, s.Hash, s.Ext)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	if !hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(s.mac)) {
		return ErrMAC
	}
	if !s.Bewit && now.Sub(s.time).Abs() > skew {
		return ErrStale
	}
	return nil
}

// VerifyPayload checks the payload hash, if the signature has one. Only a signature that
// Verify accepts makes the hash worth something.
func (s *Signature) VerifyPayload(contentType string, payload []byte) error {
	if s.Hash == "" {
		return nil
	}
	kind, _, _ := strings.Cut(contentType, ";")
	hash := sha256.New()
	fmt.Fprintf(hash, "hawk.1.payload\n%s\n%s\n", strings.ToLower(strings.TrimSpace(kind)), payload)
	if !hmac.Equal([]byte(base64.StdEncoding.EncodeToString(hash.Sum(nil))), []byte(s.Hash)) {
		return ErrHash
	}
	return nil
}
