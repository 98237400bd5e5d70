package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/lock"
)

// oneCloud has one image, which is the newest of every base.
type oneCloud struct {
	cloudapi.Cloud

	id string
}

func (c oneCloud) Newest(context.Context, packer.Base, string) (cloudapi.Found, error) {
	if c.id == "" {
		return cloudapi.Found{}, cloudapi.ErrNotFound
	}
	return cloudapi.Found{ID: c.id, Name: "debian-12-today"}, nil
}

// updating is a folder of definitions with a base and a download.
type updating struct {
	folder string
	url    string
	cloud  oneCloud
}

func newUpdating(t *testing.T) *updating {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/tool" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "tool")
	}))
	t.Cleanup(server.Close)
	u := &updating{t.TempDir(), server.URL, oneCloud{id: "ami-2"}}
	u.write(t, "a.hcl", `image "one" {
  os   = "debian-12"
  arch = "amd64"
  base "aws" {
    owner  = "amazon"
    filter = "f-*"
    region = "r"
  }
  download "/opt/tool" {
    url = "`+u.url+`/tool"
  }
}
`)
	u.write(t, lock.FileName, `base "aws" "r/amazon/f-*" {
  id = "ami-1"
}

base "gcp" "gone/long-ago" {
  id = "x"
}
`)
	return u
}

func (u *updating) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (u *updating) lock(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(u.folder, lock.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run runs the command with the cloud.
func (u *updating) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	p := &program{}
	root := p.command()
	for _, c := range root.Commands() {
		if c.Name() == "update" {
			root.RemoveCommand(c)
		}
	}
	root.AddCommand(p.updateCommand(func(context.Context, packer.Target, []packer.Image) (cloudapi.Cloud, error) { return u.cloud, nil }))
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs(append([]string{"update", "--images", u.folder}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestUpdate(t *testing.T) {
	u := newUpdating(t)
	before := u.lock(t)
	want := `base "aws" "r/amazon/f-*": ami-1 -> ami-2 (debian-12-today)
base "gcp" "gone/long-ago": x -> (dropped: no definition uses it)
download "` + u.url + `/tool": (none) -> SUM
`
	out, err := u.run(t, "--check")
	got, sum := withoutSum(out)
	if diff := cmp.Diff(want, got); diff != "" || err == nil || !strings.Contains(err.Error(), "is out of date: `worker-images update`") {
		t.Errorf("check: %v\n%s", err, diff)
	}
	if u.lock(t) != before {
		t.Error("--check writes")
	}
	out, err = u.run(t)
	if again, _ := withoutSum(out); again != want || err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if diff := cmp.Diff(`base "aws" "r/amazon/f-*" {
  id = "ami-2"
}

download "`+u.url+`/tool" {
  sha256 = "`+sum+`"
}
`, u.lock(t)); diff != "" || len(sum) != 64 {
		t.Error(diff)
	}
	if out, err := u.run(t, "--check"); err != nil || out != "nothing is newer\n" {
		t.Errorf("again: %v, %s", err, out)
	}
	if out, err := u.run(t, "--json"); err != nil || out != "[]\n" {
		t.Errorf("JSON: %v, %s", err, out)
	}
}

// withoutSum takes the digest out.
func withoutSum(out string) (text, sum string) {
	_, sum, _ = strings.Cut(out, "(none) -> ")
	sum, _, _ = strings.Cut(sum, "\n")
	return strings.Replace(out, sum, "SUM", 1), sum
}

// TestUpdateOfOneImage drops nothing, and looks at what was asked for alone.
func TestUpdateOfOneImage(t *testing.T) {
	u := newUpdating(t)
	out, err := u.run(t, "one", "--only", "bases,worker", "--worker", "1.2.3")
	if want := "worker: (none) -> 1.2.3\nbase \"aws\" \"r/amazon/f-*\": ami-1 -> ami-2 (debian-12-today)\n"; err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	if text := u.lock(t); !strings.Contains(text, "long-ago") || strings.Contains(text, "/tool") || !strings.Contains(text, `version = "1.2.3"`) {
		t.Errorf("got\n%s", text)
	}
}

// TestUpdateThatFails says all that failed and writes nothing.
func TestUpdateThatFails(t *testing.T) {
	u := newUpdating(t)
	u.cloud = oneCloud{}
	u.write(t, "b.hcl", `image "two" {
  extends = "one"
  download "/opt/other" {
    url = "`+u.url+`/nowhere"
  }
}
`)
	before := u.lock(t)
	out, err := u.run(t)
	if out != "" || !errors.Is(err, cloudapi.ErrNotFound) || u.lock(t) != before {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`base "aws" "r/amazon/f-*" for one (`, "a.hcl:6), two (", "fetch " + u.url + "/nowhere for two (", "b.hcl:4): 404 Not Found"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in\n%v", want, err)
		}
	}
}

func TestUpdateMisused(t *testing.T) {
	u := newUpdating(t)
	for _, args := range [][]string{
		{"--only", "base"}, {"--only", "worker"}, {"--only", "bases", "--worker", "1"}, {"--target", "asw"}, {"oen"}, {"one", "--target", "gcp"},
	} {
		if _, err := u.run(t, args...); !isMisuse(err) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func isMisuse(err error) bool {
	_, ok := errors.AsType[*misuse](err)
	return ok
}
