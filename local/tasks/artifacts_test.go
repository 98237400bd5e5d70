package tasks

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/tc"
)

type shelf struct {
	*deployment
	list []tc.ArtifactInfo
}

func (s shelf) Artifacts(context.Context, string, int64) ([]tc.ArtifactInfo, error) {
	return s.list, nil
}

func TestDownload(t *testing.T) {
	d := newDeployment(t)
	d.serve["0/public/out/a.txt"] = text("a")
	d.serve["0/public/b"] = text("b")
	s := shelf{d, []tc.ArtifactInfo{
		{Name: "public/out/a.txt", StorageType: "s3"},
		{Name: "public/b", StorageType: "object"},
		{Name: "public/missing", StorageType: "error"},
		{Name: "public/elsewhere", StorageType: "reference"},
	}}
	dir := filepath.Join(t.TempDir(), "new", "folder")
	written, err := Download(t.Context(), s, d.Client(), "t", 0, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(written) != 2 {
		t.Errorf("written: %v", written)
	}
	if got := tree(t, dir); got != "public/b=b public/out/a.txt=a" {
		t.Errorf("on disk: %s", got)
	}
}

// TestDownloadStaysInItsFolder: the names are the task's, so they may be anything.
func TestDownloadStaysInItsFolder(t *testing.T) {
	d := newDeployment(t)
	parent := t.TempDir()
	dir := filepath.Join(parent, "in")
	s := shelf{deployment: d}
	for _, name := range []string{"../out", "public/../../out", "fine"} {
		d.serve["0/"+name] = text("x")
		d.serve["out"] = text("x") // what the client makes of a path with dots
		s.list = append(s.list, tc.ArtifactInfo{Name: name, StorageType: "s3"})
	}
	_, err := Download(t.Context(), s, d.Client(), "t", 0, dir)
	if err == nil || strings.Count(err.Error(), "download ") != 2 {
		t.Errorf("got %v", err)
	}
	if got := tree(t, parent); got != "in/fine=x" {
		t.Errorf("on disk: %s", got)
	}
}

func TestDownloadSaysWhatIsGone(t *testing.T) {
	d := newDeployment(t)
	s := shelf{d, []tc.ArtifactInfo{{Name: "public/gone", StorageType: "s3"}}}
	if _, err := Download(t.Context(), s, d.Client(), "t", 0, t.TempDir()); err == nil || !strings.Contains(err.Error(), "public/gone: the artifact's server says 404") {
		t.Errorf("got %v", err)
	}
}

// tree lists the files of dir with their content.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files = append(files, name+"="+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(files, " ")
}
