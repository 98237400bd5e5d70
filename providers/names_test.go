package providers_test

import (
	"strings"
	"testing"

	"github.com/workerkit/workerkit/providers"
)

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(string) error
		good  []string
		bad   map[string]string // text to a part of the advice
	}{
		{"pool", providers.CheckPool, []string{"proj/linux", "A_1-x/a", "p/" + strings.Repeat("a", 38)}, map[string]string{
			"linux": "no slash", "proj/Linux": "lower-case", "proj/": "lower-case", "proj/linux-": "not end", "a/b/c": "no worker pool", "p/" + strings.Repeat("a", 39): "38",
		}},
		{"identifier", providers.CheckIdentifier, []string{"i-0123", "vm_1", strings.Repeat("a", 38)}, map[string]string{
			"": `"worker" would do`, "build host.example.com": `"build-host-example-com" would do`, strings.Repeat("x", 39): strings.Repeat("x", 38) + `" would do`,
		}},
		{"root URL", providers.CheckRootURL, []string{"https://tc.example.com", "http://127.0.0.1:80/"}, map[string]string{
			"": "https://", "tc.example.com": "https://", "ftp://x": "https://", "https://u:p@tc.example.com": "nothing but", "https://x?y": "nothing but", "http://[::1": "https://",
		}},
		{"endpoint", providers.CheckEndpoint, []string{"http://169.254.169.254", "http://[fd00:ec2::254]", "http://127.0.0.1:80/"}, map[string]string{
			"": "http://169", "::": "http://169", "169.254.169.254": "http://169", "https://x": "http://169", "http://x/latest": "http://169", "http://u:p@x": "nothing but", "http://x?y": "nothing but",
		}},
		{"secret", providers.CheckStaticSecret, []string{strings.Repeat("aA0_-", 9)[:44]}, map[string]string{
			"short": "is 5 characters", strings.Repeat("+", 44): "44 letters",
		}},
	} {
		for _, text := range c.good {
			if err := c.check(text); err != nil {
				t.Errorf("%s %q: %v", c.name, text, err)
			}
		}
		for text, advice := range c.bad {
			if err := c.check(text); err == nil || !strings.Contains(err.Error(), advice) {
				t.Errorf("%s %q: %v; want advice with %q", c.name, text, err, advice)
			}
		}
	}
}

func TestIdentifierIsAlwaysOne(t *testing.T) {
	for in, want := range map[string]string{
		"host": "host", "Büro 7": "B-ro-7", "--": "worker", "": "worker", "a.b_c-D9": "a-b_c-D9",
		strings.Repeat("a", 37) + "..b": strings.Repeat("a", 37),
	} {
		got := providers.Identifier(in)
		if got != want || providers.CheckIdentifier(got) != nil {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNothingBetweenIsAllowedEither(t *testing.T) {
	for _, text := range []string{"a.b", "a b", "a/b", "ä", "a\n"} {
		if providers.CheckIdentifier(text) == nil {
			t.Errorf("%q is taken as an identifier", text)
		}
	}
	for _, text := range []string{"p/-a", "p/1a", "p/a.b", "p.q/a", "/a"} {
		if providers.CheckPool(text) == nil {
			t.Errorf("%q is taken as a pool", text)
		}
	}
}
