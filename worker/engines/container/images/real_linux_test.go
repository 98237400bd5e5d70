package images_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
)

// savedBy makes an image that has a text in /hello, gives its archive, and removes it.
func savedBy(t *testing.T, e dockertest.Engine, text string, tags ...string) []byte {
	t.Helper()
	files := dockertest.Busybox(t)
	files["hello"] = dockertest.File{Text: []byte(text)}
	dockertest.MakeImage(t, e, tags[0], files)
	for _, tag := range tags[1:] {
		if _, err := e.API.ImageTag(t.Context(), client.ImageTagOptions{Source: tags[0], Target: tag}); err != nil {
			t.Fatalf("tag: %v", err)
		}
	}
	reply, err := e.API.ImageSave(t.Context(), tags)
	if err != nil {
		t.Fatalf("save: %v", err)
	}
	defer reply.Close()
	archive, err := io.ReadAll(reply)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if _, err := e.API.ImageRemove(t.Context(), tag, client.ImageRemoveOptions{PruneChildren: true}); err != nil {
			t.Fatal(err)
		}
	}
	return archive
}

// makeContainer makes a container of an image that prints /hello.
func makeContainer(t *testing.T, e dockertest.Engine, image string) string {
	t.Helper()
	c, err := e.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config:     &container.Config{Image: image, Cmd: []string{"/bin/cat", "/hello"}},
		HostConfig: &container.HostConfig{NetworkMode: "none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func removeContainer(t *testing.T, e dockertest.Engine, id string) {
	t.Helper()
	if _, err := e.API.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

// says is what a container of an image prints.
func says(t *testing.T, e dockertest.Engine, image string) string {
	t.Helper()
	id := makeContainer(t, e, image)
	defer removeContainer(t, e, id)
	attached, err := e.API.ContainerAttach(t.Context(), id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer attached.Close()
	if _, err := e.API.ContainerStart(t.Context(), id, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, attached.Reader); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// present lists the images of an engine, with their names.
func present(t *testing.T, e dockertest.Engine) []string {
	t.Helper()
	reply, err := e.API.ImageList(t.Context(), client.ImageListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, image := range reply.Items {
		all = append(all, fmt.Sprint(image.ID, image.RepoTags))
	}
	slices.Sort(all)
	return all
}

// TestRealArtifacts has real engines load archives of theirs, in every format, and run the images.
func TestRealArtifacts(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		s := newStand(t, e.API)
		name := dockertest.BusyboxImage(t, e)
		base, err := e.API.ImageInspect(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		before := present(t, e)
		for _, format := range []string{"", "zst", "gz", "lz4", "xz", "bz2"} {
			text := "this is " + format
			// The archive has two names, and one is that of another image. (Podman imports as latest only.)
			archive := savedBy(t, e, text, "hello.test/hello:latest", name)
			if _, err := e.API.ImageTag(t.Context(), client.ImageTagOptions{Source: base.ID, Target: name}); err != nil {
				t.Fatal(err)
			}
			ref := s.put("public/image"+format, packed(t, format, archive))
			image, _ := s.ensure(ref)
			warm, _ := s.ensure(ref)
			if got := says(t, e, image.ID); got != text || warm.ID != image.ID {
				t.Errorf("%q: it says %q; then %+v", format, got, warm)
			}
			warm.Release()
			image.Release()
		}
		if n := len(present(t, e)); n != len(before)+6 {
			t.Errorf("there are %d images: %q", n, present(t, e))
		}
		if _, err := s.Collect(t.Context(), 1<<40); err != nil {
			t.Error(err)
		}
		if after := present(t, e); !slices.Equal(before, after) {
			t.Errorf("left %q, want %q", after, before)
		}
	})
}

// TestRealLayouts has real engines load what other programs make.
func TestRealLayouts(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		s := newStand(t, e.API)
		both, oci := makeImage(t, "both"), makeImage(t, "oci")
		image, _ := s.ensure(s.put("public/both.tar", both.archive(t, "clash.test/clash:1", true)))
		if got := says(t, e, image.ID); got != "both" {
			t.Errorf("it says %q", got)
		}
		want := digest(string(both.config))
		if e.Containerd {
			want = digest(string(both.manifest))
		}
		if image.ID != want {
			t.Errorf("the id is %s, want %s", image.ID, want)
		}
		ref := s.put("public/oci.tar", oci.archive(t, "clash.test/clash:1", false))
		if e.Podman || e.Containerd {
			if image, _ := s.ensure(ref); says(t, e, image.ID) != "oci" {
				t.Errorf("got %+v", image)
			}
		} else if r, text := s.fails(ref); r != task.MalformedPayload || !strings.Contains(text, "docker save") {
			t.Errorf("%s: %s", r, text)
		}
		for _, image := range present(t, e) {
			if strings.Contains(image, "clash") || !strings.Contains(image, "localhost/workerkit/image:") {
				t.Errorf("there is %s", image)
			}
		}
	})
}

// TestRealFaults leaves nothing of what cannot be loaded.
func TestRealFaults(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		s := newStand(t, e.API)
		m := makeImage(t, "bad")
		before := present(t, e)
		wrong := m
		wrong.config = bytes.Replace(m.config, []byte(digest(string(m.plain))), []byte(digest("something else")), 1)
		torn := m
		torn.layer = damage(bytes.Clone(m.layer))
		archive := m.archive(t, "bad.test/bad:1", true)
		for name, data := range map[string][]byte{
			"wrong digest": wrong.archive(t, "bad.test/bad:1", true),
			"torn layer":   torn.archive(t, "bad.test/bad:1", true),
			"truncated":    archive[:len(archive)/2],
			"no layer":     archiveOf(blob(m.config), file{name: "manifest.json", text: `[{"Config":"` + blob(m.config).name + `","RepoTags":["bad.test/bad:1"],"Layers":["none.tar"]}]`}),
		} {
			r, text := s.fails(s.put("public/"+name, data))
			if r != task.MalformedPayload || !strings.Contains(text, "run the task that makes it again") {
				t.Errorf("%s: %s: %s", name, r, text)
			}
			t.Logf("%s: %s", name, text)
			if after := present(t, e); !slices.Equal(before, after) {
				t.Errorf("%s: left %q, want %q", name, after, before)
			}
		}
		ref := s.put("public/good", archive)
		image, _ := s.ensure(ref)
		c := makeContainer(t, e, image.ID)
		image.Release()
		if freed, err := s.Collect(t.Context(), 1<<40); freed != 0 || err != nil {
			t.Errorf("with a container of it: freed %d, %v", freed, err)
		}
		removeContainer(t, e, c)
		if freed, err := s.Collect(t.Context(), 1<<40); freed == 0 || err != nil || len(present(t, e)) != len(before) {
			t.Errorf("freed %d, %v; left %q", freed, err, present(t, e))
		}
		s.ensure(ref)
		e.Stop()
		if r, text := s.fails(s.put("public/again", archive)); r != task.ResourceUnavailable || !strings.Contains(text, "engine's log") {
			t.Errorf("without an engine: %s: %s", r, text)
		}
	})
}

// TestRealRegistry has real engines pull from a registry on this machine.
func TestRealRegistry(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	// Podman reads once, before it is asked for anything, which registries have no certificate.
	registries := map[string]*registry{"docker": newRegistry(t), "docker-containerd": newRegistry(t), "podman": newRegistry(t)}
	conf := filepath.Join(t.TempDir(), "registries.conf")
	t.Setenv("CONTAINERS_REGISTRIES_CONF", conf)
	text := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", registries["podman"].host())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		r := registries[e.Label]
		host := r.host()
		s := newStand(t, e.API)
		var tagged, exact string
		for _, text := range []string{"one", "two"} {
			tagged, exact = r.push(makeImage(t, text), "some/hello")
			image, _ := s.ensure(images.Ref{Name: tagged})
			if got := says(t, e, image.ID); got != text {
				t.Errorf("it says %q, want %q", got, text)
			}
			image.Release()
		}
		if res, text := s.fails(images.Ref{Name: host + "/some/none"}); res != task.MalformedPayload {
			t.Errorf("%s: %s", res, text)
		}
		absent := strings.Split(exact, "@")[0] + "@" + digest("another")
		if res, text := s.fails(images.Ref{Name: absent}); res != task.MalformedPayload {
			t.Errorf("%s: %s", res, text)
		}
		first, _ := s.ensure(images.Ref{Name: exact})
		r.Close()
		again, _ := s.ensure(images.Ref{Name: exact})
		if got := says(t, e, again.ID); got != "two" || again.ID != first.ID {
			t.Errorf("%+v, then %+v, which says %q", first, again, got)
		}
		image, log := s.ensure(images.Ref{Name: tagged})
		contains(t, log, "is used")
		_, sum, _ := strings.Cut(exact, "@") // which is here, by another name
		for _, name := range []string{"/some/other", "/some/other@" + sum} {
			if res, text := s.fails(images.Ref{Name: host + name}); res != task.ResourceUnavailable {
				t.Errorf("%s: %s: %s", name, res, text)
			}
		}
		for _, i := range []images.Image{first, again, image} {
			i.Release()
		}
		if freed, err := s.Collect(t.Context(), 1<<40); freed == 0 || err != nil || len(present(t, e)) > 0 {
			t.Errorf("freed %d, %v; left %q", freed, err, present(t, e))
		}
	})
}

// TestRealPrivateRegistry has real engines pull with the login of the worker's user.
func TestRealPrivateRegistry(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	r := newRegistry(t)
	r.login = "some:bo:dy"
	conf := filepath.Join(t.TempDir(), "registries.conf") // which Podman reads once
	t.Setenv("CONTAINERS_REGISTRIES_CONF", conf)
	if err := os.WriteFile(conf, fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n", r.host()), 0o600); err != nil {
		t.Fatal(err)
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		s := newStand(t, e.API)
		folder := t.TempDir()
		login := func(text string) {
			auth := base64.StdEncoding.EncodeToString([]byte(text))
			if err := os.WriteFile(filepath.Join(folder, "config.json"), fmt.Appendf(nil, `{"auths": {%q: {"auth": %q}}}`, r.host(), auth), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.Login = docker.NewLogins(func(string) string { return folder }).For
		tagged, exact := r.push(makeImage(t, "private"), "some/hello")
		for _, wrong := range []string{"", "some:body"} {
			if wrong != "" {
				login(wrong)
			}
			if res, text := s.fails(images.Ref{Name: tagged}); res != task.MalformedPayload || !strings.Contains(text, "docker login") {
				t.Errorf("with the login %q: %s: %s", wrong, res, text)
			}
		}
		login(r.login)
		for _, name := range []string{exact, tagged} {
			image, log := s.ensure(images.Ref{Name: name})
			if got := says(t, e, image.ID); got != "private" || strings.Contains(log, "bo:dy") {
				t.Errorf("it says %q; log: %s", got, log)
			}
			image.Release()
		}
	})
}

// TestRealExpiredLogin: what everybody may pull is pulled also where the worker's login is no longer one.
func TestRealExpiredLogin(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	r := newRegistry(t)
	r.tokens = true
	conf := filepath.Join(t.TempDir(), "registries.conf") // which Podman reads once
	t.Setenv("CONTAINERS_REGISTRIES_CONF", conf)
	if err := os.WriteFile(conf, fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n", r.host()), 0o600); err != nil {
		t.Fatal(err)
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		s := newStand(t, e.API)
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "config.json"), fmt.Appendf(nil, `{"auths": {%q: {"auth": "c29tZTpib2R5"}}}`, r.host()), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Login = docker.NewLogins(func(string) string { return folder }).For
		tagged, _ := r.push(makeImage(t, "for everybody"), "some/hello")
		image, log := s.ensure(images.Ref{Name: tagged})
		defer image.Release()
		if got := says(t, e, image.ID); got != "for everybody" || !strings.Contains(log, "pulled without the worker's login") {
			t.Errorf("it says %q; log: %s", got, log)
		}
	})
}

var testTime = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
