package tc_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/workerkit/workerkit/internal/tc"
)

// body notes how much it is asked for.
type body struct {
	io.Reader
	asked []int
}

func (b *body) Read(p []byte) (int, error) {
	b.asked = append(b.asked, len(p))
	return b.Reader.Read(p)
}

func TestBodiesAreSentInLargePieces(t *testing.T) {
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	client := tc.NewHTTP()
	defer client.CloseIdleConnections()
	for length, first := range map[int]int{3<<20 + 7: 512 << 10, 1000: 1000} {
		data := bytes.Repeat([]byte("0123456789abcdef"), length/16+1)[:length]
		sent := &body{Reader: bytes.NewReader(data)}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, sent)
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = int64(length)
		reply, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = reply.Body.Close()
		if !bytes.Equal(got, data) || sent.asked[0] != first {
			t.Errorf("%d bytes: %d arrived, asked for %v", length, len(got), sent.asked)
		}
	}
}
