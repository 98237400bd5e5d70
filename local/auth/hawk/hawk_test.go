package hawk

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	client "github.com/tent/hawk-go"
)

// The published examples of the scheme, so that both sides do not merely agree with each other.
const (
	exampleKey  = "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn"
	exampleTime = 1353832234
	exampleGET  = `Hawk id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", ext="some-app-ext-data", mac="6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE="`
	examplePOST = `Hawk id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", hash="Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY=", ext="some-app-ext-data", mac="aSe1DERmZuRl3pI36/9BdZmnErTw3sNzOOAUlfeKjVw="`
)

func example(method, header string) Request {
	return Request{Method: method, Resource: "/resource/1?b=1&a=2", Host: "example.com", Port: "8000", Authorization: header}
}

func TestPublishedExamples(t *testing.T) {
	for method, header := range map[string]string{"GET": exampleGET, "POST": examplePOST} {
		s, err := Parse(example(method, header))
		if err != nil {
			t.Fatal(method, err)
		}
		if err := s.Verify(exampleKey, time.Unix(exampleTime, 0), time.Minute); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if s.ID != "dh37fgj492je" || s.Ext != "some-app-ext-data" {
			t.Errorf("%s: id %q, ext %q", method, s.ID, s.Ext)
		}
	}
}

func TestPayloadHash(t *testing.T) {
	s, err := Parse(example("POST", examplePOST))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.VerifyPayload("Text/Plain; charset=utf-8", []byte("Thank you for flying Hawk")); err != nil {
		t.Error(err)
	}
	if err := s.VerifyPayload("text/plain", []byte("Thank you for flying Hawks")); !errors.Is(err, ErrHash) {
		t.Errorf("another payload: %v", err)
	}
	s.Hash = ""
	if err := s.VerifyPayload("text/plain", []byte("anything")); err != nil {
		t.Errorf("no hash: %v", err)
	}
}

// TestWhatIsSigned changes one thing at a time under the signature.
func TestWhatIsSigned(t *testing.T) {
	now := time.Unix(exampleTime, 0)
	for name, c := range map[string]struct {
		change func(*Request)
		key    string
		now    time.Time
		want   error
	}{
		"key":      {func(*Request) {}, "another", now, ErrMAC},
		"method":   {func(r *Request) { r.Method = "DELETE" }, exampleKey, now, ErrMAC},
		"resource": {func(r *Request) { r.Resource = "/resource/1?a=2&b=1" }, exampleKey, now, ErrMAC},
		"host":     {func(r *Request) { r.Host = "example.org" }, exampleKey, now, ErrMAC},
		"port":     {func(r *Request) { r.Port = "80" }, exampleKey, now, ErrMAC},
		"early":    {func(*Request) {}, exampleKey, now.Add(-61 * time.Second), ErrStale},
		"late":     {func(*Request) {}, exampleKey, now.Add(61 * time.Second), ErrStale},
		"in time":  {func(*Request) {}, exampleKey, now.Add(60 * time.Second), nil},
	} {
		r := example("GET", exampleGET)
		c.change(&r)
		s, err := Parse(r)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := s.Verify(c.key, c.now, time.Minute); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestBadForms(t *testing.T) {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, c := range map[string]struct {
		r    Request
		want string
	}{
		"scheme":         {Request{Authorization: "Basic abc"}, "Unsupported authentication scheme"},
		"empty":          {Request{Authorization: "Hawk"}, "Missing attributes"},
		"no nonce":       {Request{Authorization: `Hawk id="a", ts="1", mac="x"`}, "Missing attributes"},
		"no quotes":      {Request{Authorization: `Hawk id=a`}, "Bad header format"},
		"open quote":     {Request{Authorization: `Hawk id="a`}, "Bad header format"},
		"unknown":        {Request{Authorization: `Hawk di="a"`}, "Unknown attribute: di"},
		"twice":          {Request{Authorization: `Hawk id="a", id="b"`}, "Duplicate attribute: id"},
		"time":           {Request{Authorization: `Hawk id="a", ts="now", nonce="n", mac="x"`}, "Invalid timestamp"},
		"both":           {Request{Method: "GET", Resource: "/?bewit=abc", Authorization: exampleGET}, "Multiple authentications"},
		"bewit POST":     {Request{Method: "POST", Resource: "/?bewit=abc"}, "Invalid method"},
		"bewit encoding": {Request{Method: "GET", Resource: "/?bewit=!!"}, "Invalid bewit encoding"},
		"bewit parts":    {Request{Method: "GET", Resource: "/?bewit=" + encode(`a\1\mac`)}, "Invalid bewit structure"},
		"bewit time":     {Request{Method: "GET", Resource: "/?bewit=" + encode(`a\b\mac\`)}, "Missing bewit attributes"},
	} {
		_, err := Parse(c.r)
		var wire Error
		if !errors.As(err, &wire) || wire.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if s, err := Parse(Request{Method: "GET", Resource: "/?a=bewit"}); s != nil || err != nil {
		t.Errorf("no signature: %v, %v", s, err)
	}
}

// TestClient takes what the client library of the Go world signs.
func TestClient(t *testing.T) {
	for _, target := range []string{"http://127.0.0.1:8080/a%2Fb/c?x=1&y=%20", "http://example.com/"} {
		r := httptest.NewRequest(http.MethodPost, target, nil)
		auth := client.NewRequestAuth(r, &client.Credentials{ID: "me", Key: "secret", Hash: sha256.New}, 0)
		auth.Ext = "ext"
		hash := auth.PayloadHash("application/json")
		hash.Write([]byte("{}"))
		auth.SetHash(hash)
		r.Header.Set("Authorization", auth.RequestHeader())
		s, err := Parse(FromHTTP(r))
		if err != nil {
			t.Fatal(target, err)
		}
		if err := s.Verify("secret", time.Now(), time.Minute); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		if err := s.VerifyPayload("application/json", []byte("{}")); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestClientBewit(t *testing.T) {
	for _, target := range []string{"http://127.0.0.1:8080/a%2Fb", "http://127.0.0.1:8080/a?x=1&y=2"} {
		auth, err := client.NewURLAuth(target, &client.Credentials{ID: "me", Key: "secret", Hash: sha256.New}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		separator := "?"
		if auth.RequestURI == "/a?x=1&y=2" {
			separator = "&"
		}
		r := httptest.NewRequest(http.MethodHead, target+separator+"bewit="+auth.Bewit(), nil)
		s, err := Parse(FromHTTP(r))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify("secret", time.Now(), 0); err != nil || !s.Bewit {
			t.Errorf("%s: %v", target, err)
		}
		if err := s.Verify("secret", time.Now().Add(time.Minute), 0); !errors.Is(err, ErrExpired) {
			t.Errorf("%s later: %v", target, err)
		}
		if err := s.Verify("another", time.Now(), 0); !errors.Is(err, ErrMAC) {
			t.Errorf("%s with another key: %v", target, err)
		}
	}
}

func TestCutBewit(t *testing.T) {
	for resource, want := range map[string][2]string{
		"/a?bewit=B":         {"/a", "B"},
		"/a?bewit=B&x=1":     {"/a?x=1", "B"},
		"/a?x=1&bewit=B&y=2": {"/a?x=1&y=2", "B"},
		"/a?x=1&bewit=B":     {"/a?x=1", "B"},
		"/a?xbewit=B":        {"/a?xbewit=B", ""},
		"/bewit=B":           {"/bewit=B", ""},
	} {
		if rest, bewit := cutBewit(resource); rest != want[0] || bewit != want[1] {
			t.Errorf("%s: %q, %q", resource, rest, bewit)
		}
	}
}
