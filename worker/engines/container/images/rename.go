package images

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// maxList is the most that the list of images in an archive may take.
const maxList = 4 << 20

// Files of an archive that name images.
const (
	dockerList = "manifest.json"
	ociList    = "index.json"
	oldList    = "repositories" // which is not needed beside the first
)

// rename copies an archive that docker save, or another program in that format or OCI's, has made. Its
// image has only one name then. It reads to the end before it writes the end, so that an engine never
// gets a whole archive of a part. Errors of what is in the archive are damaged.
func rename(w io.Writer, r io.Reader, name string) error {
	in, out := tar.NewReader(r), tar.NewWriter(w)
	buffer := make([]byte, 256<<10)
	named := false
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(err)
		}
		list, err := check(header)
		if err != nil {
			return err
		}
		switch {
		case list == oldList:
		case list != "":
			named = true
			err = relist(out, in, header, name)
		default:
			err = entry(out, in, header, buffer)
		}
		if err != nil {
			return err
		}
	}
	if !named {
		return damaged{fmt.Errorf("it has neither a %s nor an %s, so there is no image in it: make it by docker save", dockerList, ociList)}
	}
	if _, err := io.CopyBuffer(io.Discard, onlyReader{r}, buffer); err != nil {
		return unreadable(err)
	}
	return out.Close()
}

// unreadable is an error of the archive itself; those of the stage before are passed on.
func unreadable(err error) error {
	if _, ours := errors.AsType[download](err); ours || stopped(err) {
		return err
	}
	if _, ours := errors.AsType[damaged](err); ours {
		return err
	}
	return damaged{fmt.Errorf("its tar cannot be read: %w: run the task that makes it again", err)}
}

// check tells whether an entry is a list of images, by its name. Entries are refused by which a list
// could get into the archive in another way.
func check(h *tar.Header) (list string, err error) {
	refused := func(why string) error {
		return damaged{fmt.Errorf("its entry %q is %s, which the archive of an image does not have: make it by docker save", h.Name, why)}
	}
	clean := path.Clean("/" + h.Name)[1:]
	base := path.Base(clean)
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeReg:
	case tar.TypeSymlink: // layers that are there twice
		if !strings.HasSuffix(base, ".tar") || !strings.HasSuffix(path.Base(h.Linkname), ".tar") {
			return "", refused("a symbolic link that is not from one layer to another")
		}
	default:
		return "", refused("neither a file nor a directory")
	}
	if base != dockerList && base != ociList && base != oldList {
		return "", nil
	}
	switch {
	case clean != base || h.Typeflag != tar.TypeReg:
		return "", refused("a list of images out of place")
	case h.Size > maxList:
		return "", refused("a list of images that is too long")
	}
	return base, nil
}

// entry copies an entry.
func entry(out *tar.Writer, in io.Reader, h *tar.Header, buffer []byte) error {
	err := out.WriteHeader(&tar.Header{Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode, ModTime: h.ModTime})
	if err != nil {
		return unwritten(err)
	}
	data := &reading{Reader: in}
	if _, err := io.CopyBuffer(onlyWriter{out}, data, buffer); err != nil {
		if data.err != nil {
			return unreadable(data.err)
		}
		return unwritten(err)
	}
	return nil
}

func unwritten(err error) error { return fmt.Errorf("write the archive: %w", err) }

// reading keeps the error of a Reader apart from that of the Writer.
type reading struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is the very value
		r.err = err
	}
	return n, err
}

// onlyWriter hides what else a writer can do.
type onlyWriter struct{ io.Writer }

// relist copies a list of images with another name.
func relist(out *tar.Writer, in io.Reader, h *tar.Header, name string) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return unreadable(err)
	}
	change := dockerNames
	if path.Base(h.Name) == ociList {
		change = ociNames
	}
	if text, err = change(text, name); err != nil {
		return damaged{fmt.Errorf("its %s: %w", h.Name, err)}
	}
	err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: h.Name, Size: int64(len(text)), Mode: h.Mode, ModTime: h.ModTime})
	if err == nil {
		_, err = out.Write(text)
	}
	if err != nil {
		return unwritten(err)
	}
	return nil
}

// object is a JSON object.
type object map[string]json.RawMessage

// only keeps these properties of an object. Engines do not tell the case of letters, so that a property
// "repotags" would name the image as well, and there may be others that do in a later version.
func (o object) only(names ...string) object {
	maps.DeleteFunc(o, func(name string, _ json.RawMessage) bool { return !slices.Contains(names, name) })
	return o
}

// one keeps the only image of a list, which may be there once for each of its names.
func one(list []object, identity string) (object, error) {
	if len(list) == 0 {
		return nil, errors.New("it names no image: make it by docker save")
	}
	if slices.ContainsFunc(list, func(o object) bool { return string(o[identity]) != string(list[0][identity]) }) {
		return nil, errors.New("there are several images in the archive, and a task runs in one: save only that")
	}
	return list[0], nil
}

// dockerNames replaces the names in the list of docker save.
func dockerNames(text []byte, name string) ([]byte, error) {
	var list []object
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	image, err := one(list, "Config")
	if err != nil {
		return nil, err
	}
	image = image.only("Config", "Layers", "Parent", "LayerSources")
	if image["RepoTags"], err = json.Marshal([]string{name}); err != nil {
		return nil, err
	}
	return json.Marshal([]object{image})
}

// ociNames replaces the names in the list of an OCI layout.
func ociNames(text []byte, name string) ([]byte, error) {
	index := object{}
	var list []object
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(index["manifests"], &list); err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	image, err := one(list, "digest")
	if err != nil {
		return nil, err
	}
	index, image = index.only("schemaVersion", "mediaType"), image.only("mediaType", "digest", "size", "platform")
	image["annotations"], err = json.Marshal(map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name})
	if err != nil {
		return nil, err
	}
	if index["manifests"], err = json.Marshal([]object{image}); err != nil {
		return nil, err
	}
	return json.Marshal(index)
}
