package files_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/files"
)

func file(path, format string, content []byte) config.File {
	return config.File{Path: path, Encoding: "base64", Format: format, Content: secret.New(base64.StdEncoding.EncodeToString(content))}
}

// entry is one entry of a zip file.
type entry struct {
	name, text string
	mode       fs.FileMode
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name}
		h.SetMode(e.mode)
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func expect(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != text {
		t.Errorf("%s: %q, %v", path, data, err)
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// The test's umask takes group and other bits away; it never adds any.
	if got := info.Mode().Perm(); runtime.GOOS != "windows" && (got&^mode != 0 || got&0o700 != mode&0o700) {
		t.Errorf("%s has mode %04o, want at most %04o", path, got, mode)
	}
}

// ownersAlone fails when others may use the file, also by the access lists of Windows.
func ownersAlone(t *testing.T, path, text string) {
	t.Helper()
	if data, note, err := private.Read(path); err != nil || note != "" || string(data) != text {
		t.Errorf("%q, note %q, %v", data, note, err)
	}
}

// TestNeighboursStay: no name is taken that somebody else may use.
func TestNeighboursStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path+".new", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []files.Mode{files.Public, files.Owner} {
		if err := files.Write([]config.File{file(path, "file", []byte("x"))}, mode); err != nil {
			t.Fatal(err)
		}
		expect(t, path+".new", "mine", 0o600)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep", "er", "tool")
	for _, text := range []string{"#!/bin/sh\n", "again, over the first"} {
		if err := files.Write([]config.File{file(path, "file", []byte(text))}, files.Public); err != nil {
			t.Fatal(err)
		}
		expect(t, path, text, 0o777)
	}
	if err := files.Write([]config.File{file(path, "file", []byte("secret"))}, files.Owner); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "secret", 0o700)
	ownersAlone(t, path, "secret")
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "link")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, link); err != nil {
		t.Skip("this system gives no symbolic links to this user")
	}
	if err := files.Write([]config.File{file(link, "file", []byte("new"))}, files.Public); err != nil {
		t.Fatal(err)
	}
	expect(t, victim, "precious", 0o600)
	expect(t, link, "new", 0o777)

	// A link in the target folder leads nowhere either.
	target := filepath.Join(dir, "target")
	if err := os.MkdirAll(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(target, "out")); err != nil {
		t.Fatal(err)
	}
	bad := archive(t, entry{"out/victim", "stolen", 0o644})
	if err := files.Write([]config.File{file(target, "zip", bad)}, files.Public); err == nil {
		t.Error("an entry left the folder by a link")
	}
	expect(t, victim, "precious", 0o600)
}

func TestZip(t *testing.T) {
	data := archive(t, entry{"sub/", "", fs.ModeDir | 0o755}, entry{"sub/run", "x", 0o755}, entry{"other/plain", "y", 0o644}, entry{"top", "z", 0o640})
	dir := filepath.Join(t.TempDir(), "new", "folder")
	for range 2 { // again over the first
		if err := files.Write([]config.File{file(dir, "zip", data)}, files.Public); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, filepath.Join(dir, "sub", "run"), "x", 0o755)
	expect(t, filepath.Join(dir, "other", "plain"), "y", 0o644)
	expect(t, filepath.Join(dir, "top"), "z", 0o640)

	secretDir := filepath.Join(t.TempDir(), "s")
	if err := files.Write([]config.File{file(secretDir, "zip", data)}, files.Owner); err != nil {
		t.Fatal(err)
	}
	expect(t, filepath.Join(secretDir, "sub", "run"), "x", 0o700)
	ownersAlone(t, filepath.Join(secretDir, "sub", "run"), "x")
	expect(t, filepath.Join(secretDir, "other", "plain"), "y", 0o600)
}

func TestZipEntriesThatLeadOutAreRefusedBeforeAnythingIsWritten(t *testing.T) {
	for _, bad := range []entry{
		{"../evil", "x", 0o644}, {"a/../../evil", "x", 0o644}, {"/evil", "x", 0o644}, {"..", "x", 0o644},
		{"link", "/etc/passwd", fs.ModeSymlink | 0o777}, {"pipe", "", fs.ModeNamedPipe | 0o644},
	} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "target")
		err := files.Write([]config.File{file(dir, "zip", archive(t, entry{"good", "x", 0o644}, bad))}, files.Public)
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", bad.name, err)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 0 {
			t.Errorf("%s: written: %v, %v", bad.name, entries, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	good := file(filepath.Join(dir, "f"), "file", []byte("hunter2"))
	for want, change := range map[string]func(*config.File){
		"no path":              func(f *config.File) { f.Path = "" },
		`unknown encoding "x"`: func(f *config.File) { f.Encoding = "x" },
		"not base64":           func(f *config.File) { f.Content = secret.New("hunter2!") },
		`unknown format "tar"`: func(f *config.File) { f.Format = "tar" },
		`the mode "0888"`:      func(f *config.File) { f.Mode = "0888" },
		`the mode "4755"`:      func(f *config.File) { f.Mode = "4755" }, // as another user
		`the mode "rw-"`:       func(f *config.File) { f.Mode = "rw-" },
		"a zip has no mode":    func(f *config.File) { f.Format, f.Mode = "zip", "0644" },
		`the owner "no such"`:  func(f *config.File) { f.Owner = "no such" },
		`the group "no such"`:  func(f *config.File) { f.Group = "no such" },
		"no zip file":          func(f *config.File) { f.Format = "zip" },
	} {
		f := good
		change(&f)
		err := files.Write([]config.File{f}, files.Public)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
