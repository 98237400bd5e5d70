package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
)

// front stands before taskcluster-local and gives URLs of the sink in place of its own: the data of an
// artifact NAME goes to /NAME there. What is asked when an upload is complete it answers itself, as
// taskcluster-local has not seen the data.
func front(rootURL, sink string) (*httptest.Server, error) {
	to, err := url.Parse(rootURL)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { // the Host, which is signed, stays
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
		},
		ModifyResponse: func(reply *http.Response) error { return redirect(reply, sink) },
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		finishObject := strings.HasPrefix(r.URL.Path, "/api/object/v1/finish-upload/")
		finishArtifact := r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/artifacts/")
		if finishObject || finishArtifact {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}")
			return
		}
		proxy.ServeHTTP(w, r)
	})), nil
}

// redirect changes the URL in the reply of createArtifact or createUpload.
func redirect(reply *http.Response, sink string) error {
	path := reply.Request.URL.Path
	if !strings.Contains(path, "/artifacts/") && !strings.HasPrefix(path, "/api/object/v1/upload/") {
		return nil
	}
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return err
	}
	_ = reply.Body.Close()
	name := path[strings.LastIndex(path, "/"):]
	var value map[string]any
	if json.Unmarshal(body, &value) == nil {
		if _, ok := value["putUrl"]; ok {
			value["putUrl"] = sink + name
		}
		if method, ok := value["uploadMethod"].(map[string]any); ok {
			if put, ok := method["putUrl"].(map[string]any); ok {
				put["url"] = sink + name
			}
		}
		if body, err = json.Marshal(value); err != nil {
			return err
		}
	}
	reply.Body, reply.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	reply.Header.Del("Content-Length")
	return nil
}
