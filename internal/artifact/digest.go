package artifact

import (
	"hash"
	"io"
	"sync"
)

// hashBlock is how much is hashed at a time: enough that starting it costs nothing.
const hashBlock = 256 << 10

// digest hashes what is written to it, each hash on a goroutine of its own and one block behind. It
// may be used from any goroutine; close waits for those that it started.
type digest struct {
	mu     sync.Mutex
	hashes []hash.Hash
	n      int64
	block  []byte // being filled
	spare  []byte // being hashed while busy
	busy   sync.WaitGroup
	closed bool
}

func newDigest(hashes ...hash.Hash) *digest { return &digest{hashes: hashes} }

// write takes p, unless the digest has been closed.
func (d *digest) write(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.n += int64(len(p))
	for len(p) > 0 {
		n := min(len(p), hashBlock-len(d.block))
		d.block = append(d.block, p[:n]...)
		if p = p[n:]; len(d.block) == hashBlock {
			d.flush()
		}
	}
}

// flush begins to hash the block, when the one before is done.
func (d *digest) flush() {
	d.busy.Wait()
	block := d.block
	d.block, d.spare = d.spare[:0], block
	for _, h := range d.hashes {
		d.busy.Go(func() { h.Write(block) })
	}
}

// close hashes the rest. It may be repeated.
func (d *digest) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.closed = true
	d.flush()
	d.busy.Wait()
	d.block, d.spare = nil, nil
}

// sums closes the digest and returns the hashes.
func (d *digest) sums() [][]byte {
	d.close()
	var all [][]byte
	for _, h := range d.hashes {
		all = append(all, h.Sum(nil))
	}
	return all
}

// length is how many bytes were written.
func (d *digest) length() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// hashed is a body that is hashed while it is read.
type hashed struct {
	io.ReadCloser
	digest *digest
}

// Read implements io.Reader.
func (h hashed) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.digest.write(p[:n])
	return n, err
}

// Close implements io.Closer.
func (h hashed) Close() error {
	err := h.ReadCloser.Close()
	h.digest.close()
	return err
}
