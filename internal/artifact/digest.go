package artifact

import (
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// hashBlock is how much is hashed at a time.
	hashBlock = 128 << 10
	// hashAhead is how many blocks the slowest hash may be behind, and bounds the memory.
	hashAhead = 8
)

// digest hashes what is written to it, each hash on a goroutine of its own. It may be used from any
// goroutine; close waits for those that it started. What is shorter than a block starts none.
type digest struct {
	mu     sync.Mutex
	lanes  []lane
	n      int64
	block  *block      // being filled; nil: none
	free   chan *block // that all hashes are done with
	made   int         // blocks
	busy   sync.WaitGroup
	closed bool
}

// lane is one hash. Its queue is nil until it is started, and has space for all blocks.
type lane struct {
	hash  hash.Hash
	queue chan *block
}

type block struct {
	data []byte
	left atomic.Int32 // hashes that are not done with it
}

func newDigest(hashes ...hash.Hash) *digest {
	d := &digest{free: make(chan *block, hashAhead)}
	for _, h := range hashes {
		d.lanes = append(d.lanes, lane{hash: h})
	}
	return d
}

// write takes p, unless the digest has been closed.
func (d *digest) write(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.n += int64(len(p))
	for len(p) > 0 {
		if d.block == nil {
			d.block = d.take()
		}
		n := min(len(p), hashBlock-len(d.block.data))
		d.block.data = append(d.block.data, p[:n]...)
		if p = p[n:]; len(d.block.data) == hashBlock {
			d.flush()
		}
	}
}

// take returns an empty block.
func (d *digest) take() *block {
	if d.made < hashAhead {
		select {
		case b := <-d.free:
			return b
		default:
			d.made++
			return new(block)
		}
	}
	return <-d.free
}

// flush has the block hashed.
func (d *digest) flush() {
	d.block.left.Store(int32(len(d.lanes))) //nolint:gosec // two at most
	for i := range d.lanes {
		l := &d.lanes[i]
		if l.queue == nil {
			l.queue = make(chan *block, hashAhead)
			d.busy.Go(func() { l.run(d.free) })
		}
		l.queue <- d.block
	}
	d.block = nil
}

func (l *lane) run(free chan<- *block) {
	for b := range l.queue {
		l.hash.Write(b.data)
		if b.left.Add(-1) == 0 {
			b.data = b.data[:0]
			free <- b
		}
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
	for _, l := range d.lanes {
		if l.queue != nil {
			close(l.queue)
		}
	}
	d.busy.Wait()
	if d.block != nil {
		for _, l := range d.lanes {
			l.hash.Write(d.block.data)
		}
	}
	d.block = nil
}

// sums closes the digest and returns the hashes.
func (d *digest) sums() [][]byte {
	d.close()
	var all [][]byte
	for _, l := range d.lanes {
		all = append(all, l.hash.Sum(nil))
	}
	return all
}

// length is how many bytes were written.
func (d *digest) length() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// hashPiece is how much of a body that is hashed is read at a time: it is to be copied, hashed and sent while
// the processor has it at hand (bench/upload -only object).
const hashPiece = 32 << 10

// hashed is a body that is hashed while it is read.
type hashed struct {
	io.ReadCloser
	digest *digest
}

// Read implements io.Reader.
func (h hashed) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p[:min(len(p), hashPiece)])
	h.digest.write(p[:n])
	return n, err
}

// Close implements io.Closer.
func (h hashed) Close() error {
	err := h.ReadCloser.Close()
	h.digest.close()
	return err
}
