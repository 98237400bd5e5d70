package dockertest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// Image is the name of the image that BusyboxImage makes.
const Image = "workerkit.test/busybox:latest"

// File is what an image holds at a path: a text, or a link to another path.
type File struct {
	Text []byte
	Mode fs.FileMode // 0o644 for 0
	Link string
}

// BusyboxImage imports an image with busybox and its usual commands, made on the spot, and returns
// its name. It skips where there is no busybox that needs no libraries.
func BusyboxImage(t *testing.T, e Engine) string {
	t.Helper()
	return MakeImage(t, e, Image, Busybox(t))
}

// MakeImage imports an image of these files by path. Changes are lines as of a Dockerfile, such as
// "WORKDIR /work".
func MakeImage(t *testing.T, e Engine, name string, files map[string]File, changes ...string) string {
	t.Helper()
	repository, tag, _ := strings.Cut(name, ":")
	reply, err := e.API.ImageImport(t.Context(), client.ImageImportSource{Source: bytes.NewReader(Tar(t, files)), SourceName: "-"}, repository,
		client.ImageImportOptions{Tag: tag, Changes: append([]string{`CMD ["/bin/sh"]`, "ENV PATH=/bin:/usr/bin"}, changes...)})
	if err == nil {
		_, err = io.Copy(io.Discard, reply)
		err = errors.Join(err, reply.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.API.ImageInspect(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Busybox are the files of an image with busybox.
func Busybox(t *testing.T) map[string]File {
	t.Helper()
	program, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("there is no busybox: install busybox-static")
	}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	names, err := exec.CommandContext(t.Context(), program, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]File{
		"bin/busybox": {Text: text, Mode: 0o755},
		"etc/passwd":  {Text: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")},
		"etc/group":   {Text: []byte("root:x:0:\nnogroup:x:65534:\n")},
		"root":        {Mode: fs.ModeDir | 0o700},
		"tmp":         {Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
	for name := range strings.FieldsSeq(string(names)) {
		if name != "busybox" {
			files[path.Join("bin", name)] = File{Link: "busybox"}
		}
	}
	return files
}

// Tar is an archive of these files by path.
func Tar(t *testing.T, files map[string]File) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, f := range files {
		mode := f.Mode.Perm()
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(f.Text)), Mode: int64(mode)}
		switch {
		case f.Link != "":
			header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, f.Link, 0o777
		case f.Mode.IsDir():
			header.Typeflag, header.Name = tar.TypeDir, name+"/"
			if f.Mode&fs.ModeSticky != 0 {
				header.Mode |= 0o1000
			}
		case mode == 0:
			header.Mode = 0o644
		}
		err := w.WriteHeader(header)
		if err == nil {
			_, err = w.Write(f.Text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
