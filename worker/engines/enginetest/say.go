package enginetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// perform prints.
func (s Say) perform() error {
	fmt.Fprint(os.Stderr, s.Err)
	if s.Args {
		for _, arg := range os.Args[3:] {
			fmt.Println(arg)
		}
	}
	for _, name := range s.Env {
		value, set := os.LookupEnv(name)
		if !set {
			value = "(not set)"
		}
		fmt.Printf("%s=%s\n", name, value)
	}
	if s.Where {
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		fmt.Println(dir)
	}
	if s.Input {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		fmt.Printf("%q\n", text)
	}
	if s.Line {
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return err
		}
	}
	if s.Size {
		fmt.Println(size())
	}
	if s.Held != "" {
		fmt.Println(s.held())
	}
	return errors.Join(s.read(), s.get())
}

// held tells whether this process has the descriptor.
func (s Say) held() bool {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && name == s.Held {
			return true
		}
	}
	return false
}

func (s Say) read() error {
	if s.Read == "" {
		return nil
	}
	text, err := os.ReadFile(s.Read)
	fmt.Print(string(text))
	return err
}

func (s Say) get() error {
	if s.Get == "" {
		return nil
	}
	reply, err := http.Get(os.ExpandEnv(s.Get))
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	fmt.Printf("%d %s\n", reply.StatusCode, text)
	return err
}

// What Make says when the system does not let it go so far.
const (
	readable = "a closed file is readable\n"
	unlinked = "no hard link\n"
)

// perform leaves files.
func (m Make) perform() error {
	for path, text := range m.Files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	for path, size := range m.Sparse {
		if err := sparse(path, size); err != nil {
			return err
		}
	}
	for path, target := range m.Links {
		if err := os.Symlink(target, path); err != nil {
			return err
		}
	}
	for path, target := range m.Hard {
		if err := os.Link(target, path); err != nil {
			fmt.Print(unlinked)
		}
	}
	for _, path := range m.Pipes {
		if err := pipe(path); err != nil {
			return err
		}
	}
	return m.close()
}

func (m Make) close() error {
	for _, path := range m.Closed {
		if err := os.Chmod(path, 0); err != nil {
			return err
		}
		if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrPermission) {
			fmt.Print(readable)
		}
	}
	return nil
}

func sparse(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte("x"), size-1)
	return errors.Join(err, file.Close())
}
