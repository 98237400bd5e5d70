package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// content adds the image's own part: the folder image, which the provisioning scripts read.
func content(files map[string]string, image packer.Image, targets []packer.Target, folder fs.FS) error {
	if folder == nil {
		folder = nothing{}
	}
	files["image/packages"] = lines(image.Packages)
	files["image/settings"] = settings(image.Hardening)
	if err := environment(files, image); err != nil {
		return err
	}
	if image.Storage.Use && !image.Windows() {
		files["image/storage.conf"] = storage(image.Storage)
	}
	if err := runner(files, image, targets); err != nil {
		return err
	}
	for _, add := range []func() error{
		func() error { return addFiles(files, image.Files, folder) },
		func() error { return addDownloads(files, image.Downloads) },
		func() error { return addScripts(files, image, folder) },
		func() error { return addServices(files, image.Services) },
	} {
		if err := add(); err != nil {
			return err
		}
	}
	for i, t := range image.Tests {
		files[fmt.Sprintf("image/tests/%02d-%s.test", i, slug(t.Name))] = t.Command + "\n"
	}
	return nil
}

// nothing is the folder of definitions that name no files.
type nothing struct{}

func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func lines(all []string) string {
	var b strings.Builder
	for _, l := range all {
		b.WriteString(l + "\n")
	}
	return b.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func settings(h packer.Hardening) string {
	return lines([]string{"BLOCK_METADATA=" + yes(h.BlockMetadata), "SSH=" + yes(h.SSH), "TIME_SYNC=" + yes(h.TimeSync)})
}

func storage(s packer.Storage) string {
	return lines([]string{
		"FILE_SYSTEM=" + shell(or(s.FileSystem, "ext4")), "MOUNT=" + shell(or(s.Mount, storageMount)), "FOLDERS=" + shell(strings.Join(s.For, " ")),
	})
}

const storageMount = "/mnt/ephemeral"

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// row is a line of a list that the scripts read. What would break the list is an error.
func row(columns ...string) (string, error) {
	for _, c := range columns {
		if c == "" || strings.ContainsAny(c, "\t\n\r\x00") {
			return "", fmt.Errorf("%q is empty or has a tab or a line's end", c)
		}
	}
	return strings.Join(columns, "\t") + "\n", nil
}

func addFiles(files map[string]string, all []packer.File, folder fs.FS) error {
	var list strings.Builder
	for i, f := range all {
		name := fmt.Sprintf("%03d-%s", i, slug(path.Base(f.Path)))
		text, err := text(f.Content, f.Source, folder)
		if err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
		line, err := row(or(f.Mode, "0644"), or(f.Owner, "root"), or(f.Group, "root"), name, f.Path)
		if err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
		list.WriteString(line)
		files["image/files/"+name] = text
	}
	files["image/files.list"] = list.String()
	return nil
}

func text(content, source string, folder fs.FS) (string, error) {
	if source == "" {
		return content, nil
	}
	data, err := fs.ReadFile(folder, source)
	return string(data), err
}

func addDownloads(files map[string]string, all []packer.Download) error {
	var list strings.Builder
	for _, d := range all {
		if d.SHA256 == "" {
			return fmt.Errorf("download %s: no sha256, neither in the definition nor in the lock file", d.URL)
		}
		line, err := row(d.SHA256, or(d.Mode, "0644"), yes(d.Unpack), d.Path, d.URL)
		if err != nil {
			return fmt.Errorf("download %s: %w", d.URL, err)
		}
		list.WriteString(line)
	}
	files["image/downloads"] = list.String()
	return nil
}

func addServices(files map[string]string, all []packer.Service) error {
	var list strings.Builder
	for _, s := range all {
		if s.Name == "" || strings.ContainsAny(s.Name, " \t\n/") {
			return fmt.Errorf("service %q: that is no name of a unit", s.Name)
		}
		list.WriteString(yes(s.Enabled) + " " + s.Name + "\n")
		if s.Unit != "" {
			files["image/units/"+unitName(s.Name)] = s.Unit
		}
	}
	files["image/services"] = list.String()
	return nil
}

func unitName(name string) string {
	if path.Ext(name) == "" {
		return name + ".service"
	}
	return name
}

func checkName(name string) error {
	for i, c := range name {
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return fmt.Errorf("%q is no name of a variable", name)
		}
	}
	if name == "" {
		return errors.New("a variable has no name")
	}
	return nil
}
