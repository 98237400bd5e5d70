package blob

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// PutValid is how long a PUT URL is said to be good for; it is accepted for signGrace more.
	PutValid  = 45 * time.Minute
	signGrace = 10 * time.Second

	algorithm  = "AWS4-HMAC-SHA256"
	payload    = "UNSIGNED-PAYLOAD"
	region     = "local"
	amzTime    = "20060102T150405Z"
	parAlgo    = "X-Amz-Algorithm"
	parPayload = "X-Amz-Content-Sha256"
	parCred    = "X-Amz-Credential" //nolint:gosec // a parameter's name
	parDate    = "X-Amz-Date"
	parExpires = "X-Amz-Expires"
	parHeaders = "X-Amz-SignedHeaders"
	parSign    = "X-Amz-Signature"
)

// Why a signed request is refused.
var (
	errUnsigned  = errors.New("no signature")
	errExpired   = errors.New("the signature has expired")
	errSignature = errors.New("the signature does not match")
)

// PublicURL is where anyone may read the blob under key of PublicBucket.
func (s *Store) PublicURL(key string) string { return s.base(PublicBucket, key) }

// GetURL is a URL at which the blob under key may be read for the time valid.
func (s *Store) GetURL(bucket, key string, valid time.Duration) string {
	return s.signed(http.MethodGet, bucket, key, nil, valid)
}

// PutURL is a URL at which the blob under key may be written with one PUT or more, and until
// when. The PUT must carry those of the headers Content-Type and Content-Length that are in
// headers with the same value; nil leaves them to the writer.
func (s *Store) PutURL(bucket, key string, headers http.Header) (string, time.Time) {
	return s.signed(http.MethodPut, bucket, key, headers, PutValid+signGrace), s.clock().Add(PutValid)
}

// base is the URL of a blob without a signature.
func (s *Store) base(bucket, key string) string {
	parts := strings.Split(key, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.TrimSuffix(s.rootURL(), "/") + PathPrefix + bucket + "/" + strings.Join(parts, "/")
}

func (s *Store) signed(method, bucket, key string, headers http.Header, valid time.Duration) string {
	base := s.base(bucket, key)
	names, values := []string{"host"}, map[string]string{"host": hostOf(base)}
	for _, name := range []string{"content-length", "content-type"} {
		if v := headers.Get(name); v != "" {
			names, values[name] = append(names, name), v
		}
	}
	slices.Sort(names)
	now := s.clock().UTC()
	query := url.Values{
		parAlgo:    {algorithm},
		parPayload: {payload},
		parCred:    {"local/" + now.Format("20060102") + "/" + region + "/s3/aws4_request"},
		parDate:    {now.Format(amzTime)},
		parExpires: {strconv.FormatInt(int64(valid/time.Second), 10)},
		parHeaders: {strings.Join(names, ";")},
	}
	if method == http.MethodPut {
		query.Set("x-id", "PutObject")
	}
	query.Set(parSign, s.signature(method, bucket, key, query, func(name string) string { return values[name] }))
	return base + "?" + query.Encode()
}

// signature covers the method, the blob, every parameter of the query but the signature
// itself, and the signed headers, whose values header gives by lower-case name.
func (s *Store) signature(method, bucket, key string, query url.Values, header func(string) string) string {
	rest := url.Values{}
	for name, values := range query {
		if name != parSign {
			rest[name] = values
		}
	}
	mac := hmac.New(sha256.New, s.key)
	lines := []string{method, bucket, strconv.Quote(key), rest.Encode()}
	for name := range strings.SplitSeq(query.Get(parHeaders), ";") {
		lines = append(lines, name+":"+strings.TrimSpace(header(name)))
	}
	mac.Write([]byte(strings.Join(lines, "\n"))) // a hash never fails to write
	return hex.EncodeToString(mac.Sum(nil))
}

// verify tells whether the request may do what its method says with the blob.
func (s *Store) verify(r *http.Request, bucket, key string) error {
	query := r.URL.Query()
	given := query.Get(parSign)
	if given == "" {
		return errUnsigned
	}
	want := s.signature(r.Method, bucket, key, query, func(name string) string { return signedHeader(r, name) })
	if !hmac.Equal([]byte(given), []byte(want)) {
		return errSignature
	}
	start, err := time.Parse(amzTime, query.Get(parDate))
	if err != nil {
		return errSignature
	}
	seconds, err := strconv.ParseInt(query.Get(parExpires), 10, 32)
	if err != nil {
		return errSignature
	}
	if !s.clock().Before(start.Add(time.Duration(seconds) * time.Second)) {
		return errExpired
	}
	return nil
}

// signedHeader is the value of a header, two of which net/http keeps elsewhere.
func signedHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	default:
		return r.Header.Get(name)
	}
}

func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Host
}
