package manual_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packaging/release/manual"
)

// own is how the programs without cobra say what they do, and tool and its commands how those with it do.
const own = `Usage:
  runner CONFIG
  runner check [--json] [CONFIG]

runner finds out who this machine is. Its paths are
C:\dir\new and 'so on'.

check  says what is wrong
stop   ends it…
.hidden files are no macros.
`

// reference is a page of the reference.
const reference = "# runner\n| key | default |\n|---|---|\n| `port` | 80 |\n\n## Exit codes\n| code | |\n|---|---|\n| 0 | [all](x.md#all) is `fine` |\n| 79–81 | it is not |\n"

func help(_ context.Context, args ...string) ([]byte, error) {
	said := map[string]string{
		"--help": "Tools for tests\n\nUsage:\n  tool [command]\n\nAvailable Commands:\n  completion  Generate\n  help        Help about any command\n  make        Make one\n\n" +
			"Flags:\n  -h, --help            help for tool\n      --images folder   where they are\n\nUse \"tool [command] --help\" for more.\n",
		"make --help": "Makes one.\n\nUsage:\n  tool make NAME [flags]\n  tool make [command]\n\nExamples:\n  tool make a --fast\n\nAvailable Commands:\n  again  Make it again\n\nFlags:\n      --fast   do not wait\n\n" +
			"Global Flags:\n      --images folder   where they are\n",
		"make again --help": "Makes it again.\n\nUsage:\n  tool make again\n",
	}
	text, ok := said[strings.Join(args, " ")]
	if !ok {
		return nil, errors.New("no such command")
	}
	return []byte(text), nil
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	runner, err := manual.Ask(t.Context(), func(context.Context, ...string) ([]byte, error) { return []byte(own), nil }, "runner")
	if err != nil {
		t.Fatal(err)
	}
	tool, err := manual.Ask(t.Context(), help, "tool")
	if err != nil {
		t.Fatal(err)
	}
	when, others := time.Date(2026, 3, 4, 23, 0, 0, 0, time.FixedZone("", -7200)), []string{"runner", "tool"}
	return map[string]string{
		"runner": string(manual.Page(runner, manual.About{Does: "run it", Version: "1.2.3", When: when, Others: others, Reference: reference})),
		"tool":   string(manual.Page(tool, manual.About{Does: "tools for tests", Version: "1.2.3", When: when, Others: others})),
	}
}

func TestPage(t *testing.T) {
	all := pages(t)
	for name, lines := range map[string][]string{
		"runner": {
			`.TH "RUNNER" "1" "2026\-03\-05" "workerkit 1.2.3" "Taskcluster's worker programs"`, `runner \- run it`, ".SH \"SYNOPSIS\"\n.nf\nrunner CONFIG\nrunner check [\\-\\-json] [CONFIG]\n.fi",
			`C:\edir\enew and 'so on'.`, ".TP\n.B \"check\"\nsays what is wrong", `ends it\[u2026]`, ".PP\n\\&.hidden files are no macros.", ".SH \"EXIT STATUS\"\n.TP\n.B \"0\"\nall is fine\n.TP\n.B \"79\\[u2013]81\"\nit is not\n.SH",
			".SH \"SEE ALSO\"\ntool(1)\n",
		},
		"tool": {
			"Tools for tests", ".PP\nFlags:\n.TP\n.B \"\\-h, \\-\\-help\"\nhelp for tool\n.TP\n.B \"\\-\\-images folder\"\nwhere they are", ".SS \"tool make\"", ".RS\n.nf\ntool make a \\-\\-fast\n.fi\n.RE",
			".B \"\\-\\-fast\"", ".SS \"tool make again\"\n.nf\ntool make again\n.fi\n.PP\nMakes it again.", ".SH \"SEE ALSO\"\nrunner(1)\n",
		},
	} {
		for _, want := range lines {
			if !strings.Contains(all[name], want+"\n") && !strings.Contains(all[name], want) {
				t.Errorf("%s: no %q in\n%s", name, want, all[name])
			}
		}
	}
	for _, not := range []string{"completion", "Use ", "Global", "Available", "EXIT"} {
		if strings.Contains(all["tool"], not) {
			t.Errorf("%q is in\n%s", not, all["tool"])
		}
	}
	if n := strings.Count(all["tool"], `\-\-images folder`); n != 1 {
		t.Errorf("a flag of all commands is there %d times", n)
	}
}

// TestRoff: what formats the pages has nothing to say of them.
func TestRoff(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff here")
	}
	for name, page := range pages(t) {
		c := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-b", "-z", "-Tutf8")
		c.Stdin = strings.NewReader(page)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestAskFails(t *testing.T) {
	broken := func(context.Context, ...string) ([]byte, error) { return nil, errors.New("it is broken") }
	if _, err := manual.Ask(t.Context(), broken, "tool"); err == nil || !strings.Contains(err.Error(), "tool") {
		t.Error(err)
	}
	below := func(ctx context.Context, args ...string) ([]byte, error) {
		if len(args) > 2 {
			return nil, errors.New("it is broken")
		}
		return help(ctx, args...)
	}
	if _, err := manual.Ask(t.Context(), below, "tool"); err == nil || !strings.Contains(err.Error(), "tool make again") {
		t.Error(err)
	}
}

// TestCompress: the same bytes each time, without a name and a time, with most compression.
func TestCompress(t *testing.T) {
	first, err := manual.Compress([]byte("page"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := manual.Compress([]byte("page"))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("it differs: %v", err)
	}
	const most = 2 // as gzip -9 says it
	if first[8] != most || !bytes.Equal(first[3:8], make([]byte, 5)) {
		t.Errorf("the header is %x", first[:10])
	}
	r, err := gzip.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != "page" {
		t.Errorf("%q, %v", text, err)
	}
}
