package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// imageName is the image's name in its archive.
const imageName = "bench.test/image:latest"

// layer is one of the image: a tar.
type layer struct {
	path, digest string
}

// makeImage makes an image with busybox and the files of bench/mktar, as docker save would. The
// same size gives the same bytes, with the same busybox.
func makeImage(ctx context.Context, dir, out string, mib int) error {
	system, err := busybox(filepath.Join(dir, "busybox.tar"))
	if err != nil {
		return err
	}
	files := filepath.Join(dir, "files.tar")
	if err := shell(ctx, `go run ./bench/mktar -o "$1.zst" -mib "$2" && zstd -qd --rm "$1.zst" -o "$1"`, files, fmt.Sprint(mib)); err != nil {
		return err
	}
	content, err := hashed(files)
	if err != nil {
		return err
	}
	if err := save(filepath.Join(dir, "image.tar"), system, content); err != nil {
		return err
	}
	return errors.Join(shell(ctx, `zstd -q -T0 --rm "$1" -o "$2"`, filepath.Join(dir, "image.tar"), out), os.Remove(files))
}

func shell(ctx context.Context, script string, args ...string) error {
	out, err := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return nil
}

// busybox makes the layer with the program that containers run.
func busybox(path string) (layer, error) {
	program, err := exec.LookPath("busybox")
	if err != nil {
		return layer{}, errors.New("there is no busybox: install busybox-static")
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return layer{}, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err = errors.Join(
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(text))}))
	if err == nil {
		_, err = w.Write(text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return layer{}, err
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return layer{}, err
	}
	return hashed(path)
}

func hashed(path string) (layer, error) {
	file, err := os.Open(path)
	if err != nil {
		return layer{}, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return layer{}, err
	}
	return layer{path, fmt.Sprintf("sha256:%x", sum.Sum(nil))}, nil
}

// save writes the archive of an image of these layers.
func save(path string, layers ...layer) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := tar.NewWriter(file)
	var digests, names []string
	for i, l := range layers {
		names, digests = append(names, fmt.Sprintf("%d/layer.tar", i)), append(digests, l.digest)
		if err := add(w, names[i], l.path); err != nil {
			return err
		}
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": digests},
	})
	if err != nil {
		return err
	}
	list, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{imageName}, "Layers": names}})
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"config.json": config, "manifest.json": list} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return w.Close()
}

func add(w *tar.Writer, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, file)
	return err
}
