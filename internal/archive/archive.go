// Package archive unpacks archives that somebody else made into a folder, and nothing outside it.
package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/nwaples/rardecode/v2"
)

var (
	// ErrFormat means that the format is unknown, or that it cannot be read as a stream.
	ErrFormat = errors.New("the format cannot be unpacked")
	// ErrKind means that the data does not begin as the format does; with io.ErrUnexpectedEOF, that it
	// may just be too short.
	ErrKind = errors.New("it is not of that format")
	// ErrEntry means that the archive has an entry that may not be unpacked: one that is, or
	// leads, outside the folder, one below a symbolic link, or a device or pipe.
	ErrEntry = errors.New("the archive may not be unpacked")
	// ErrLimit means that the archive asks for more entries or memory than it may have.
	ErrLimit = errors.New("the archive is too big")
	// ErrSpace means that unpacking stopped before the file system was full.
	ErrSpace = errors.New("too little space is left")
)

// Limits are what an archive may take. There is none for the size of what is unpacked, as long
// as there is space for it.
type Limits struct {
	MinFree    uint64 // bytes of the file system that are left free
	MaxEntries int64
}

// DefaultLimits are those of the functions of this package: 64 MiB are left free, and there may
// be 10 million entries.
func DefaultLimits() Limits { return Limits{MinFree: 64 << 20, MaxEntries: 10_000_000} }

// containers are the formats that hold files, without those of compressed tars.
func containers() map[string]func(*tree, io.Reader) error {
	return map[string]func(*tree, io.Reader) error{"7z": un7z, "rar": unrar, "tar": untar, "zip": unzip}
}

// Formats are the names of the formats that Unpack knows, in order.
func Formats() []string {
	names := []string{"7z", "rar", "tar", "zip"}
	for _, format := range FileFormats() {
		names = append(names, "tar."+format)
	}
	slices.Sort(names)
	return names
}

// Streams tells whether UnpackFrom knows the format: the others have their directory at the end.
func Streams(format string) bool {
	return slices.Contains(Formats(), format) && format != "7z" && format != "zip"
}

// Unpack unpacks the file src with the default limits. See Limits.Unpack.
func Unpack(ctx context.Context, src, dst, format string) error {
	return DefaultLimits().Unpack(ctx, src, dst, format)
}

// UnpackFrom unpacks a stream with the default limits. See Limits.UnpackFrom.
func UnpackFrom(ctx context.Context, r io.Reader, dst, format string) error {
	return DefaultLimits().UnpackFrom(ctx, r, dst, format)
}

// Unpack unpacks the file src into the folder dst, which it makes when it is missing, with the
// permissions of this process. Files that are there are replaced, folders are kept. Modes are
// the archive's without set-user-ID, set-group-ID and sticky bits; owners are not taken.
// After an error or the end of ctx a part of the archive may have been unpacked. Errors:
// ErrFormat, ErrKind, ErrEntry, ErrLimit, ErrSpace, those of the file system, and of an archive that
// is damaged; io.ErrUnexpectedEOF is of one that is cut off.
func (l Limits) Unpack(ctx context.Context, src, dst, format string) error {
	if !slices.Contains(Formats(), format) {
		return unknown(format, Formats())
	}
	file, err := os.Open(src)
	if err != nil {
		return err
	}
	defer file.Close()
	return l.unpack(ctx, file, dst, format)
}

// UnpackFrom is Unpack of what r reads, while it reads it. It reads to the end, of the archive and
// of r. A Read that takes long has to end with ctx by itself.
func (l Limits) UnpackFrom(ctx context.Context, r io.Reader, dst, format string) error {
	if !Streams(format) {
		return unknown(format, slices.DeleteFunc(Formats(), func(f string) bool { return !Streams(f) }))
	}
	return l.unpack(ctx, r, dst, format)
}

func (l Limits) unpack(ctx context.Context, r io.Reader, dst, format string) (err error) {
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return err
	}
	t, err := newTree(ctx, dst, l)
	if err != nil {
		return err
	}
	kind, compression, isCompressed := strings.Cut(format, ".")
	if isCompressed {
		stream, err := newStream(ctx, r, compression)
		if err != nil {
			return errors.Join(explained(ctx, "unpack "+format, err), t.finish())
		}
		defer stream.Close()
		r = stream
	}
	err = safely(func() error { return containers()[kind](t, r) })
	return errors.Join(explained(ctx, "unpack "+format, err), t.finish())
}

// safely makes a panic of a library that was given damaged data an error.
func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the data is damaged: %v", p)
		}
	}()
	return do()
}

// explained adds to an error what was done, and why ctx ended.
func explained(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, rardecode.ErrDictionaryTooLarge) {
		err = fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// begins makes an error at the start of the data that is of its header an ErrKind.
func begins(err error) error {
	for _, other := range []error{
		tar.ErrHeader, gzip.ErrHeader, zlib.ErrHeader, zip.ErrFormat, zstd.ErrMagicMismatch, rardecode.ErrNoSig,
		bzip2.StructuralError("bad magic value"), io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, other) {
			return fmt.Errorf("%w: %w", ErrKind, err)
		}
	}
	return err
}

func unknown(format string, known []string) error {
	return fmt.Errorf("%w: %q is none of %s", ErrFormat, format, strings.Join(known, ", "))
}
