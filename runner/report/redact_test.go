package report_test

import (
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/runner/report"
)

// token is what Taskcluster's secrets look like.
const token = "gK1pZ3xQSbm0Zc8dT5v2Aw9fRj6LhYtUeI4oNnXqVsEB"

func TestWhatLooksSecret(t *testing.T) {
	blob := strings.Repeat("MIIB1", 60)
	for name, c := range map[string]struct{ text, secret, stays string }{
		"access token":             {"signed with " + token + ", refused", token, "signed with "},
		"temporary access token":   {"token " + token[:43] + ".", token[:43], "token "},
		"certificate":              {`c {"version":1,"scopes":["assume:x"],"start":1,"expiry":2,"seed":"abc","signature":"shh"} d`, "shh", " d"},
		"certificate in a string":  {`"certificate":"{\"version\":1,\"seed\":\"abc\",\"signature\":\"shh\"}","clientId":"w"`, "shh", `"clientId":"w"`},
		"hawk":                     {`Authorization: Hawk id="w", ts="1", mac="shh=", ext="e"`, "shh", "Authorization: "},
		"hawk alone":               {`sent Hawk id="w", mac="shh="`, "shh", "sent Hawk "},
		"metadata token":           {"X-aws-ec2-metadata-token: AQAEshh==", "AQAEshh", "metadata-token: "},
		"bearer":                   {"used Bearer abc.def-shhhh then", "shhhh", " then"},
		"bewit":                    {"GET https://h/x?a=1&bewit=c2hoaGg=&b=2 failed", "c2hoaGg", "&b=2 failed"},
		"S3 signature":             {"PUT https://b.s3/x?X-Amz-Credential=AKIA1/2026&X-Amz-Signature=deadbeef: 403", "deadbeef", "PUT https://b.s3/x?"},
		"Azure signature":          {"https://b.blob/x?sv=2021&sig=abc%2Fd&se=1", "abc%2Fd", "https://b.blob/x?sv=2021"},
		"Google signature":         {"https://s.g/x?X-Goog-Signature=deadbeef", "deadbeef", "https://s.g/x?"},
		"password in a URL":        {"proxy http://me:shhh@proxy:3128 refused", "shhh", "@proxy:3128 refused"},
		"JWT":                      {"proof eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln bad", "c2ln", "proof "},
		"key's name":               {"AKIAIOSFODNN7EXAMPLE is unknown", "AKIAIOSFODNN7EXAMPLE", "is unknown"},
		"attested document":        {"document " + blob + "==, nonce 7", "MIIB1MIIB1", "nonce 7"},
		"PEM":                      {"key\n-----BEGIN RSA PRIVATE KEY-----\nMIIshh\n-----END RSA PRIVATE KEY-----\nafter", "MIIshh", "after"},
		"PEM that was cut":         {"key -----BEGIN PRIVATE KEY-----\nMIIshh", "MIIshh", "key "},
		"a line of base64":         {"a\n" + strings.Repeat("MIIB+a/8", 8) + "\nb", "MIIB+a/8", "\nb"},
		"user data":                {`userData: {"workerPoolId":"p/q","shh":1}`, "shh", "userData: "},
		"user data as base64":      {"user-data=" + strings.Repeat("c2ho", 20), "c2ho", "user-data="},
		"static secret":            {`{"staticSecret":"hunter2","a":1}`, "hunter2", `"a":1`},
		"access token in YAML":     {"accessToken: hunter2hunter2\nclientID: me", "hunter2", "clientID: me"},
		"secret in escaped JSON":   {`body {\"accessToken\":\"hunter2\",\"a\":1}`, "hunter2", `\"a\":1`},
		"secret that was not shut": {`{"accessToken":"hunter2`, "hunter2", "{"},
	} {
		got := report.Redact(c.text)
		if strings.Contains(got, c.secret) || !strings.Contains(got, c.stays) || !strings.Contains(got, "[redacted]") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhatIsNotSecretStays: a report that hides what is wrong helps nobody.
func TestWhatIsNotSecretStays(t *testing.T) {
	for _, text := range []string{
		"could not register worker: workerManager.registerWorker: 400 InputError: bad staticSecret in workerIdentityProof; the static secret in the config is not the one in the worker's record (workerManager.createWorker, providerInfo.staticSecret)",
		"could not register worker: workerManager.registerWorker: 404 ResourceNotFound: Worker local/nobody in worker pool smoke/p-gawyu7 does not exist",
		"secret worker-pool:proj/linux: secrets.get: 403 InsufficientScopes: Client ID worker/aws/proj/linux/us-east-1/i-0123456789abcdef0 does not have sufficient scopes",
		"aws: read userdata: 404 Not Found",
		"azure: userData: it is not JSON",
		"commit 79d46eacd1b2b3c4d5e6f708192a3b4c5d6e7f80 sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"worker /usr/local/bin/generic-worker cannot be started: no such file or directory",
		"2026/01/02 15:04:05 credentials will be renewed; expires: 2026-01-02T15:04:05Z; in: 47m12s",
		"https://tc.example.com/api/queue/v1/ping answered after 1.2s",
		"fork of https://github.com/x/y at main: me@example.com",
		"task bP7Wk1LPQ2u0S1lYbN0G9A/0 resolved",
	} {
		if got := report.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestFormsOfASecret: in URLs, in JSON, in a log that was cut into lines, beside each other.
func TestFormsOfASecret(t *testing.T) {
	s := secret.New("pass \"word\"/1\nand the rest")
	for _, text := range []string{
		`a pass "word"/1`, "and the rest b", `{"x":"pass \"word\"/1\nand the rest"}`, "q=pass+%22word%22%2F1%0Aand+the+rest",
	} {
		if got := report.Redact(text, s); strings.Contains(got, "word") || strings.Contains(got, "the rest") {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := report.Redact("xabcdefghiy", secret.New("abcdef"), secret.New("defghi"), secret.New("x")); got != "x[redacted]y" {
		t.Errorf("overlapping: %q", got)
	}
	if got := report.Redact("nothing", secret.String{}); got != "nothing" {
		t.Errorf("the empty secret: %q", got)
	}
}
