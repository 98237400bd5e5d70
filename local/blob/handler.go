package blob

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Handler serves the blobs: GET, HEAD and PUT of <PathPrefix><bucket>/<key>, with the
// status codes, headers and XML errors of S3. GET and HEAD honour Range and If-* headers.
func (s *Store) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Store) serve(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, PathPrefix)
	bucket, key, found := strings.Cut(rest, "/")
	if !ok || !found || key == "" || !known(bucket) {
		fail(w, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.get(w, r, bucket, key)
	case http.MethodPut:
		s.put(w, r, bucket, key)
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
}

func known(bucket string) bool {
	return bucket == PublicBucket || bucket == PrivateBucket || bucket == ObjectBucket
}

func (s *Store) get(w http.ResponseWriter, r *http.Request, bucket, key string) {
	if bucket != PublicBucket || r.URL.Query().Has(parSign) {
		if err := s.verify(r, bucket, key); err != nil {
			refuse(w, err)
			return
		}
	}
	b, err := s.Open(bucket, key)
	if errors.Is(err, ErrNotFound) {
		fail(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	if err != nil {
		s.internal(w, r, err)
		return
	}
	defer func() {
		if err := b.Close(); err != nil {
			s.log.Error("close a blob", "err", err)
		}
	}()
	h := w.Header()
	h.Set("ETag", b.ETag)
	h.Set("Content-Type", b.ContentType)
	if b.ContentEncoding != "" {
		h.Set("Content-Encoding", b.ContentEncoding)
	}
	http.ServeContent(w, r, "", b.Modified, b)
}

func (s *Store) put(w http.ResponseWriter, r *http.Request, bucket, key string) {
	if err := s.verify(r, bucket, key); err != nil {
		refuse(w, err)
		return
	}
	if r.ContentLength < 0 {
		fail(w, http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
		return
	}
	meta := Meta{ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding")}
	if meta.ContentType == "" {
		meta.ContentType = "binary/octet-stream"
	}
	info, err := s.Write(r.Context(), bucket, key, meta, r.ContentLength, r.Body)
	if errors.Is(err, ErrShort) || errors.Is(err, io.ErrUnexpectedEOF) || r.Context().Err() != nil {
		fail(w, http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
		return
	}
	if err != nil {
		s.internal(w, r, err)
		return
	}
	w.Header().Set("ETag", info.ETag)
	w.WriteHeader(http.StatusOK)
}

// refuse answers a request that verify refused.
func refuse(w http.ResponseWriter, err error) {
	code, message := "AccessDenied", "Access Denied"
	switch {
	case errors.Is(err, errExpired):
		message = "Request has expired"
	case errors.Is(err, errSignature):
		code = "SignatureDoesNotMatch"
		message = "The request signature we calculated does not match the signature you provided."
	}
	fail(w, http.StatusForbidden, code, message)
}

// internal answers 500 and logs why; the query, which holds a signature, is not logged.
func (s *Store) internal(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Error("blob request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	fail(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
}

// fail sends an error in S3's form.
func fail(w http.ResponseWriter, status int, code, message string) {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	// An error here means that the client is gone, and nobody is left to tell.
	_, _ = w.Write(append([]byte(xml.Header), body...))
}
