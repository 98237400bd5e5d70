package disk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Finding is something on the disk that must not be there. It does not say what it reads.
type Finding struct {
	What string `json:"what"` // "private key", "secret env:TOKEN", "trace: log of the build"
	File string `json:"file"` // a path in the image, or in words what has no name
}

// Report is the result of a scan.
type Report struct {
	Findings []Finding
	Bytes    int64 // that were looked at: all but the holes
	Took     time.Duration
	Short    []string // secrets that were not looked for, because chance would find them
}

// tooMany is how many hits of a kind are located; a disk with more is bad enough.
const tooMany = 1000

// hit is a place where something is.
type hit struct {
	kind   *kind
	offset int64
	digest [sha256.Size]byte // of what is there
}

// Scan looks at each byte of the disk, those of deleted files and outside of all partitions
// included, for the secrets in each of their forms (see mask.Forms, and hexadecimal digits),
// private keys, and what grants access to AWS, GitHub and GitLab. What only looks like a key
// and is part of a file below /usr that a package has brought unchanged is none.
func (d *Disk) Scan(ctx context.Context, secrets []Secret) (Report, error) {
	began := time.Now()
	kinds, short := known(secrets)
	hits, size, err := d.search(ctx, append(looks(), kinds...))
	if err != nil {
		return Report{}, err
	}
	took := time.Since(began)
	hits, places, err := d.locate(ctx, hits)
	if err != nil {
		return Report{}, err
	}
	r := Report{Bytes: size, Took: took, Short: short}
	for i, h := range hits {
		if f := (Finding{What: h.kind.what, File: places[i]}); !slices.Contains(r.Findings, f) {
			r.Findings = append(r.Findings, f)
		}
	}
	return r, nil
}

// search returns what there is of the kinds, in the order of the disk.
func (d *Disk) search(ctx context.Context, kinds []kind) (hits []hit, size int64, err error) {
	file, err := os.Open(d.raw)
	if err != nil {
		return nil, 0, fmt.Errorf("scan: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("scan: %w", err)
	}
	s := newSearch(kinds)
	for at := int64(0); ; {
		begin, end, ok := written(file, at, info.Size())
		if !ok {
			return s.hits, size, nil
		}
		if err := s.stretch(ctx, file, begin, end); err != nil {
			return nil, 0, fmt.Errorf("scan: %w", err)
		}
		size, at = size+end-begin, end
	}
}

// search is a pass over a disk.
type search struct {
	needles *needles
	of      []*kind // of each needle
	buffer  []byte
	overlap int // how much of what follows must be seen with a place
	hits    []hit
	count   map[*kind]int
}

func newSearch(kinds []kind) *search {
	const window = 1 << 20
	s := &search{overlap: most, count: map[*kind]int{}}
	var all [][]byte
	for i := range kinds {
		for _, begin := range kinds[i].begin {
			all, s.of = append(all, []byte(begin)), append(s.of, &kinds[i])
			s.overlap = max(s.overlap, len(begin))
		}
	}
	s.needles, s.buffer = newNeedles(all), make([]byte, window+s.overlap+1)
	return s
}

// stretch looks at a part of the file. Each window is read with one byte before it, and with
// what a thing that begins at its end needs behind it.
func (s *search) stretch(ctx context.Context, file io.ReaderAt, begin, end int64) error {
	step := int64(len(s.buffer) - s.overlap - 1)
	for at := begin; at < end; at += step {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		from := max(at-1, begin)
		data := s.buffer[:min(int64(len(s.buffer)), end-from)]
		if _, err := file.ReadAt(data, from); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		s.needles.find(data, func(needle, i int) {
			if offset := from + int64(i); offset >= at && offset < at+step {
				s.check(s.of[needle], data, i, offset)
			}
		})
	}
	return nil
}

func (s *search) check(k *kind, data []byte, at int, offset int64) {
	if s.count[k] >= tooMany {
		return
	}
	if text := k.match(data, at); text != nil {
		s.count[k]++
		s.hits = append(s.hits, hit{k, offset, sha256.Sum256(text)})
	}
}

// String is how a finding is shown.
func (f Finding) String() string { return strings.Join([]string{f.File, f.What}, ": ") }
