package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/packer/mask"
)

const hidden = `p&ss/w"rd+<\ü>=`

func masker(secrets ...string) *mask.Masker {
	all := make([]secret.String, 0, len(secrets))
	for _, s := range secrets {
		all = append(all, secret.New(s))
	}
	return mask.New(all...)
}

func TestForms(t *testing.T) {
	m := masker(hidden)
	inJSON, err := json.Marshal(map[string]string{"password": hidden})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain": hidden, "JSON": string(inJSON), "query": url.QueryEscape(hidden), "path": url.PathEscape(hidden),
		"RFC 3986":   "p%26ss%2Fw%22rd%2B%3C%5C%C3%BC%3E%3D",
		"lower case": "p%26ss%2fw%22rd%2b%3c%5c%c3%bc%3e%3d",
		"HTML kept":  `p&ss/w\"rd+<\\ü>=`,
	} {
		if got := m.String("a " + text + " b"); !strings.Contains(got, mask.Mark) || strings.Contains(got, "ss") && name != "JSON" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := m.String(string(inJSON)); got != `{"password":"[masked]"}` {
		t.Errorf("JSON: %s", got)
	}
}

// TestBase64 puts the secret at each alignment, between other text, in both alphabets: no more
// than three characters of what it is made of may be left.
func TestBase64(t *testing.T) {
	m := masker(hidden)
	for _, before := range []string{"", "x", "xy", "user:", "aws-id:"} {
		for _, after := range []string{"", "!", "\n", "  "} {
			for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
				text := alphabet.EncodeToString([]byte(before + hidden + after))
				got := m.String(text)
				rest := strings.NewReplacer(mask.Mark, "", "=", "").Replace(got)
				if most := (len(before)+len(after))*4/3 + 4; !strings.Contains(got, mask.Mark) || len(rest) > most {
					t.Errorf("%q in %q becomes %q", before+"…"+after, text, got)
				}
			}
		}
	}
}

func TestSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		secrets []string
		text    string
		want    string
	}{
		"none":        {nil, "a b", "a b"},
		"empty":       {[]string{""}, "a b", "a b"},
		"twice":       {[]string{"hunter2"}, "hunter2 hunter2", "[masked] [masked]"},
		"overlapping": {[]string{"abcdef", "efgh"}, "-abcdefgh-", "-[masked]-"},
		"inside":      {[]string{"abc", "abcdef"}, "abcdef abcd", "[masked] [masked]d"},
		"at the end":  {[]string{"abcdef"}, "abcde", "abcde"},
		"short":       {[]string{"ab"}, "ab YWI", "[masked] YWI"},
		"lines":       {[]string{"-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n"}, "x: BgkqhkiG9w0B", "x: [masked]"},
		"spaces":      {[]string{"hunter2\n"}, "is hunter2.", "is [masked]."},
		"quote last":  {[]string{`secret"`}, `{"a":"secret\""}`, `{"a":"[masked]"}`},
	} {
		if got := masker(c.secrets...).String(c.text); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestHoldsBackOnlyWhatMayBeASecret: progress must not wait for the next line.
func TestHoldsBackOnlyWhatMayBeASecret(t *testing.T) {
	var out bytes.Buffer
	w := masker("hunter2").Writer(&out)
	for _, step := range []struct{ write, have string }{
		{"line\n", "line\n"}, {"a hunt", "line\na "}, {"ing\n", "line\na hunting\n"}, {"hun", "line\na hunting\n"}, {"ter2", "line\na hunting\n[masked]"},
	} {
		if _, err := w.Write([]byte(step.write)); err != nil || out.String() != step.have {
			t.Errorf("after %q: %q, %v", step.write, out.String(), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorBelow(t *testing.T) {
	if n, err := masker("x").Writer(full{}).Write([]byte("abc")); n != 0 || !errors.Is(err, errFull) {
		t.Errorf("%d, %v", n, err)
	}
}

// FuzzStream: however a stream is cut, the result is that of the whole, and no secret is in it.
func FuzzStream(f *testing.F) {
	f.Add("hunter2", "ter2ab", "xhunter2abY", uint8(3))
	f.Add("aaa", "aab", "aaaabaaab", uint8(1))
	f.Add("p ss", "", "cCBzcw p%20ss p+ss", uint8(2))
	f.Fuzz(func(t *testing.T, one, two, text string, size uint8) {
		m := masker(one, two)
		var out bytes.Buffer
		w := m.Writer(&out)
		for rest := []byte(text); len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if whole := m.String(text); out.String() != whole {
			t.Fatalf("in pieces %q, as a whole %q", out.String(), whole)
		}
		for part := range strings.SplitSeq(out.String(), mask.Mark) {
			for _, s := range []string{one, two} {
				if s != "" && strings.Contains(part, s) {
					t.Fatalf("%q is in %q", s, out.String())
				}
			}
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	m := masker("hunter2hunter2", "a-second-token", "AKIAABCDEFGHIJKLMNOP")
	line := []byte("==> amazon-ebs.image: Waiting for instance (i-0123456789abcdef0) to become ready...\n")
	b.SetBytes(int64(len(line)))
	w := m.Writer(&bytes.Buffer{})
	for b.Loop() {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}
