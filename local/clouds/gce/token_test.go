package gce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/gce"
)

// token asks the machine's metadata server for an identity token.
func token(t *testing.T, c *gce.Cloud, m clouds.Machine, audience, format string, clock time.Time) string {
	t.Helper()
	s, err := c.Serve(m.Record, clouds.Settings{Clock: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"audience": {audience}, "format": {format}}
	r := httptest.NewRequest("GET", "/computeMetadata/v1/instance/service-accounts/default/identity?"+query.Encode(), nil)
	r.Header.Set("Metadata-Flavor", "Google")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Body.String()
}

func TestClaims(t *testing.T) {
	c := cloud()
	m := launch(t, c, pool(launchConfig("us-central1-a", "")))
	now := time.Date(2026, 9, 1, 13, 0, 0, 0, time.UTC)
	text := token(t, c, m, "https://tc.example.com/?a=b&c", "full", now)
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[0])
	if err != nil || !strings.Contains(string(header), `"alg":"RS256"`) || !strings.Contains(string(header), `"kid":"`) {
		t.Errorf("header %s", header)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"aud": "https://tc.example.com/?a=b&c", "iss": "https://accounts.google.com", "sub": "104857620394817265530",
		"azp": "104857620394817265530", "email": "worker@taskcluster-local.iam.gserviceaccount.com", "email_verified": true,
		"iat": float64(now.Unix()), "exp": float64(now.Add(time.Hour).Unix()),
	} {
		if got[key] != want {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	engine := got["google"].(map[string]any)["compute_engine"].(map[string]any)
	for key, want := range map[string]any{
		"instance_id": m.WorkerID, "project_id": "taskcluster-local", "project_number": 482916307514.0, "zone": "us-central1-a",
		"instance_creation_timestamp": float64(now.Add(-time.Hour).Unix()), "instance_confidentiality": 0.0,
	} {
		if engine[key] != want {
			t.Errorf("%s is %v", key, engine[key])
		}
	}
	if short := token(t, c, m, "x", "standard", now); strings.Contains(short, strings.Split(text, ".")[1]) || len(short) >= len(text) {
		t.Error("format=standard says as much as format=full")
	}
}

func TestVerify(t *testing.T) {
	c := cloud()
	config := pool(launchConfig("us-central1-a", ""))
	m, other := launch(t, c, config), launch(t, c, config)
	now := time.Now()
	good := token(t, c, m, rootURL, "full", now)
	parts := strings.Split(good, ".")
	proof := func(token string) string { return `{"token":"` + token + `"}` }
	for name, text := range map[string]string{
		"good":              proof(good),
		"another instance":  proof(token(t, c, other, rootURL, "full", now)),
		"another audience":  proof(token(t, c, m, rootURL+"/", "full", now)),
		"nothing of Google": proof(token(t, c, m, rootURL, "standard", now)),
		"expired":           proof(token(t, c, m, rootURL, "full", now.Add(-2*time.Hour))),
		"of tomorrow":       proof(token(t, c, m, rootURL, "full", now.Add(24*time.Hour))),
		"another cloud":     proof(token(t, cloud(), m, rootURL, "full", now)),
		"changed":           proof(parts[0] + "." + parts[1] + "x." + parts[2]),
		"no signature":      proof(parts[0] + "." + parts[1] + "."),
		"alg none":          proof(unsigned(t, parts[1])),
		"another key":       proof(forged(t, good)),
		"no token":          `{}`,
		"more than that":    `{"token":"` + good + `","document":"x"}`,
		"no object":         `"` + good + `"`,
		"no JSON":           good,
		"nothing":           ``,
	} {
		err := c.Verify(json.RawMessage(text), rootURL, m.Record)
		if name == "good" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Status != 400 || refused.Code != "InputError" || refused.Message != "Token validation error" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var refused *api.Error
	if err := c.Verify(json.RawMessage(proof(good)), rootURL, json.RawMessage(`[]`)); err == nil || errors.As(err, &refused) {
		t.Errorf("a record that is none: %v", err)
	}
}

// unsigned makes a token of the algorithm "none".
func unsigned(t *testing.T, payload string) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + payload + "."
}

// forged signs a token's claims with a key that is not Google's.
func forged(t *testing.T, text string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(text, claims); err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
