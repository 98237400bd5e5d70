package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
)

func TestNothingPrintsTheText(t *testing.T) {
	s := secret.New("hunter2")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "in", struct{ S secret.String }{s})
	asJSON, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%s %v %+v %#v %q %x %s %s %v", s, s, s, s, s, s, log.String(), asJSON, &struct{ S secret.String }{s})
	if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
		t.Fatalf("the secret shows: %s", all)
	}
	if s.Reveal() != "hunter2" || s.Empty() {
		t.Fatal("Reveal or Empty is wrong")
	}
}

func TestUnmarshal(t *testing.T) {
	var v struct{ S secret.String }
	if err := json.Unmarshal([]byte(`{"S":"abc"}`), &v); err != nil || v.S.Reveal() != "abc" {
		t.Fatalf("%v %q", err, v.S.Reveal())
	}
}

func TestHiddenInUnexportedFields(t *testing.T) {
	type inner struct{ token secret.String }
	type outer struct {
		in  inner
		ptr *inner
	}
	v := outer{inner{secret.New("hunter2")}, &inner{secret.New("hunter2")}}
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(form, v) + fmt.Sprintf(form, &v); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s shows %s", form, text)
		}
	}
}

func TestEqualTextsAreEqual(t *testing.T) {
	if secret.New("a") != secret.New(strings.ToLower("A")) || secret.New("a") == secret.New("b") || secret.New("") != (secret.String{}) {
		t.Error("secrets do not compare as their texts do")
	}
}
