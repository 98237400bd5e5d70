package filecache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// identity changes when a file does. The zero value is of no file.
type identity struct {
	Inode    uint64 `json:"inode"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // ns since 1970, as is Changed, which is of the inode
	Changed  int64  `json:"changed"`
}

// hash reads a file. The identity is of what was read.
func hash(ctx context.Context, path string) (sum string, id identity, err error) {
	before, err := identify(path)
	if err != nil {
		return "", id, err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", id, err
	}
	defer file.Close()
	h := sha256.New()
	buffer := make([]byte, 256<<10)
	for {
		if ctx.Err() != nil {
			return "", id, context.Cause(ctx)
		}
		n, err := file.Read(buffer)
		_, _ = h.Write(buffer[:n]) // never an error
		if err == io.EOF {         //nolint:errorlint // a Reader's end is the very value
			return hex.EncodeToString(h.Sum(nil)), before, nil
		}
		if err != nil {
			return "", id, err
		}
	}
}
