package archive

import "io"

// chunk is one piece of what was read ahead.
type chunk struct {
	data []byte
	err  error
}

// ahead reads ahead in a goroutine, so that making data and using it go on at the same time.
type ahead struct {
	chunks chan chunk  // read, not yet used
	free   chan []byte // used
	stop   chan struct{}
	ended  chan struct{}
	now    chunk
	rest   []byte // of now
}

const (
	aheadSize  = 256 << 10
	aheadCount = 4
)

// newAhead reads r until its first error; done is called when that is over. Close it.
func newAhead(r io.Reader, done func()) *ahead {
	a := &ahead{
		chunks: make(chan chunk, aheadCount), free: make(chan []byte, aheadCount),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	for range aheadCount {
		a.free <- nil // made when it is needed
	}
	go func() {
		defer close(a.ended)
		defer done()
		a.run(r)
	}()
	return a
}

func (a *ahead) run(r io.Reader) {
	for {
		select {
		case <-a.stop:
			return
		case buf := <-a.free:
			if buf == nil {
				buf = make([]byte, aheadSize)
			}
			var n int
			err := safely(func() (err error) {
				n, err = fill(r, buf[:cap(buf)])
				return err
			})
			a.chunks <- chunk{buf[:n], err} // there is room for each buffer
			if err != nil {
				return
			}
		}
	}
}

// fill is io.ReadFull that hands on the error as it is. A reader that gives nothing and no
// error, again and again, is broken.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for empty := 0; n < len(buf) && err == nil; {
		var m int
		m, err = r.Read(buf[n:])
		n += m
		if m > 0 {
			empty = 0
		} else if empty++; empty == 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// Read is not for more than one goroutine.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.data != nil {
			a.free <- a.now.data
		}
		a.now = <-a.chunks
		a.rest = a.now.data
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close waits for the goroutine, which may still have to come back from a Read.
func (a *ahead) Close() error {
	close(a.stop)
	<-a.ended
	return nil
}
