// Package archive writes archives whose bytes depend on nothing but the files in them: the order,
// the owner, the times and the modes are the same wherever and whenever one is made.
package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// File is one regular file of an archive.
type File struct {
	Name       string // with slashes, relative
	Executable bool   // 0755, else 0644
	Path       string // where the content is; Data when it is empty
	Data       []byte
}

func (f File) mode() os.FileMode {
	if f.Executable {
		return 0o755
	}
	return 0o644
}

// open returns the content and its size in bytes.
func (f File) open() (io.ReadCloser, int64, error) {
	if f.Path == "" {
		return io.NopCloser(bytes.NewReader(f.Data)), int64(len(f.Data)), nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// Write writes an archive to path: a zip file when the name ends so, else tar.gz. Every file in
// it is in the folder top and was changed last at when. path must not be there yet.
func Write(path, top string, when time.Time, files []File) (err error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	for i, f := range files {
		if i > 0 && files[i-1].Name == f.Name {
			return fmt.Errorf("archive %s: two files are called %s", path, f.Name)
		}
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	write := tarGz
	if strings.HasSuffix(path, ".zip") {
		write = zipped
	}
	if err := write(out, top, when.UTC(), files); err != nil {
		return fmt.Errorf("archive %s: %w", path, err)
	}
	return nil
}

func tarGz(out io.Writer, top string, when time.Time, files []File) error {
	compressor, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressor)
	for _, f := range files {
		if err := add(f, func(size int64) (io.Writer, error) {
			return w, w.WriteHeader(&tar.Header{
				Typeflag: tar.TypeReg, Name: top + "/" + f.Name, Size: size,
				Mode: int64(f.mode()), ModTime: when, Format: tar.FormatUSTAR,
			})
		}); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), compressor.Close())
}

func zipped(out io.Writer, top string, when time.Time, files []File) error {
	w := zip.NewWriter(out)
	for _, f := range files {
		if err := add(f, func(int64) (io.Writer, error) {
			header := &zip.FileHeader{Name: top + "/" + f.Name, Method: zip.Deflate, Modified: when}
			header.SetMode(f.mode())
			return w.CreateHeader(header)
		}); err != nil {
			return err
		}
	}
	return w.Close()
}

// add copies one file to where begin says that its content goes.
func add(f File, begin func(size int64) (io.Writer, error)) (err error) {
	content, size, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	w, err := begin(size)
	if err == nil {
		_, err = io.Copy(w, content)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}
