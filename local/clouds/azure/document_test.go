package azure

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
)

// trusted is a cloud whose keys the tests share, since they take a while to make.
var trusted = sync.OnceValue(func() *Cloud { return New(rand.NewChaCha8([32]byte{})) })

var us = Record{VMID: "02aab8a4-74ef-476e-8182-f6d2ba4166a6", SubscriptionID: subscription, Image: Image{SKU: "22_04-lts"}}

// document asks the machine's metadata service for a document.
func document(t *testing.T, c *Cloud, r Record, clock func() time.Time, query string) string {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Serve(raw, clouds.Settings{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	q := httptest.NewRequest("GET", "/metadata/attested/document?api-version=2025-04-07"+query, nil)
	q.Header.Set("Metadata", "true")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, q)
	var reply struct{ Encoding, Signature string }
	if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil || reply.Encoding != "pkcs7" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return reply.Signature
}

func proofOf(document string) json.RawMessage {
	return json.RawMessage(`{"document": "` + document + `"}`)
}

func record(t *testing.T) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(us)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDocument(t *testing.T) {
	at := time.Date(2026, 3, 4, 7, 6, 7, 0, time.FixedZone("", 2*3600))
	signature := document(t, trusted(), us, func() time.Time { return at }, "")
	der, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	message, err := pkcs7.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"nonce":"20260304-050607","plan":{"name":"","product":"","publisher":""},"sku":"22_04-lts","subscriptionId":"` + subscription +
		`","timeStamp":{"createdOn":"03/04/26 05:06:07 -0000","expiresOn":"03/04/26 11:06:07 -0000"},"vmId":"02aab8a4-74ef-476e-8182-f6d2ba4166a6"}`
	if string(message.Content) != want {
		t.Errorf("content %s", message.Content)
	}
	if len(message.Certificates) != 1 || message.Certificates[0].Subject.CommonName != "metadata.azure.com" {
		t.Errorf("%d certificates", len(message.Certificates))
	}
	content, err := mustAuthority(t).open(document(t, trusted(), us, time.Now, "&nonce=1234567890"), time.Now())
	if err != nil || content.Nonce != "1234567890" {
		t.Errorf("nonce %q, %v", content.Nonce, err)
	}
}

func mustAuthority(t *testing.T) *authority {
	t.Helper()
	a, err := trusted().authority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		age  time.Duration
		good bool
	}{
		"fresh": {0, true}, "nearly expired": {lifetime - time.Minute, true}, "just expired": {lifetime, false},
		"by a clock ahead": {-time.Hour, true},
	} {
		proof := proofOf(document(t, trusted(), us, func() time.Time { return time.Now().Add(-c.age) }, ""))
		if err := trusted().Verify(proof, "https://tc.example.com", record(t)); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerifyRefuses shows that each thing that may be wrong is found, and that the caller is
// told the same of all.
func TestVerifyRefuses(t *testing.T) {
	a := mustAuthority(t)
	other, err := newAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	theirs := us
	theirs.VMID = "11111111-74ef-476e-8182-f6d2ba4166a6"
	good := document(t, trusted(), us, time.Now, "")
	tampered, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(tampered), us.VMID)
	tampered[at+4]++
	for name, c := range map[string]struct{ proof, why string }{
		"another machine's":      {string(proofOf(document(t, trusted(), theirs, time.Now, ""))), "another machine's"},
		"expired":                {string(proofOf(document(t, trusted(), us, func() time.Time { return time.Now().Add(-7 * time.Hour) }, ""))), "expired"},
		"another authority's":    {string(proofOf(attest(t, other, func(*pkcs7.SignedData) {}))), "check the signer's certificate"},
		"tampered with":          {string(proofOf(base64.StdEncoding.EncodeToString(tampered))), "check the signature"},
		"two certificates":       {string(proofOf(attest(t, a, func(m *pkcs7.SignedData) { m.AddCertificate(a.intermediate) }))), "2 certificates"},
		"an old digest":          {string(proofOf(attest(t, a, func(m *pkcs7.SignedData) { m.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA1) }))), "digest"},
		"another name":           {string(proofOf(attest(t, renamed(t, "metadata.azure.com.example.com"), func(*pkcs7.SignedData) {}))), "the signer is"},
		"no JSON inside":         {string(proofOf(seal(t, a, []byte("hello"), func(*pkcs7.SignedData) {}))), "decode what was signed"},
		"no time inside":         {string(proofOf(seal(t, a, []byte(`{"vmId": "`+us.VMID+`"}`), func(*pkcs7.SignedData) {}))), "when the document expires"},
		"no PKCS #7":             {`{"document": "aGVsbG8="}`, "parse"},
		"no base64":              {`{"document": "?"}`, "decode the document"},
		"another cloud's proof":  {`{"document": "` + good + `", "signature": "x"}`, "unknown field"},
		"no document":            {`{}`, "no document"},
		"an object for document": {`{"document": {}}`, "decode the proof"},
	} {
		err := a.verify(json.RawMessage(c.proof), us, time.Now())
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
		told, ok := errors.AsType[*api.Error](trusted().Verify(json.RawMessage(c.proof), "", record(t)))
		if !ok || told.Status != 400 || told.Code != "InputError" || told.Message != "Signature validation error" {
			t.Errorf("%s: the caller is told %v", name, told)
		}
	}
}

// TestSubdomainsSign shows that regional certificates are good.
func TestSubdomainsSign(t *testing.T) {
	a := renamed(t, "westeurope.metadata.azure.com")
	if err := a.verify(proofOf(attest(t, a, func(*pkcs7.SignedData) {})), us, time.Now()); err != nil {
		t.Error(err)
	}
}

// renamed is the trusted authority with a signer of another name.
func renamed(t *testing.T, name string) *authority {
	t.Helper()
	a := *mustAuthority(t)
	issuer, key, err := certify(template("Issuer", 2, time.Now(), true), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.root, a.intermediate = issuer, issuer
	if a.leaf, a.key, err = certify(template(name, 4, time.Now(), false), issuer, key); err != nil {
		t.Fatal(err)
	}
	return &a
}

// attest signs a good document of ours in an unusual way.
func attest(t *testing.T, a *authority, how func(*pkcs7.SignedData)) string {
	t.Helper()
	content := attested{VMID: us.VMID}
	content.TimeStamp.ExpiresOn = time.Now().UTC().Add(time.Hour).Format(stampUTC)
	encoded, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return seal(t, a, encoded, how)
}

func seal(t *testing.T, a *authority, content []byte, how func(*pkcs7.SignedData)) string {
	t.Helper()
	message, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	message.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	how(message)
	if err := message.SignWithoutAttr(a.leaf, a.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	der, err := message.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}
