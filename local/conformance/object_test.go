package conformance_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcobject"

	"github.com/workerkit/workerkit/local/localtest"
)

// The Go client's own upload and download verify the hashes. (Its upload of more than 8 KiB
// names no length, which a URL that is signed for one refuses, S3's as well as ours.)
func TestGoClientUploadsAndDownloadsObjects(t *testing.T) {
	server := localtest.Start(t)
	client := tcobject.New(server.Credentials(), server.RootURL)
	const name, kind = "a/name with spaces", "text/x-kind"
	data := []byte(strings.Repeat("some bytes ", 700))
	if err := client.UploadFromBuf("none", name, kind, time.Now().Add(time.Hour), slugid.V4(), data); err != nil {
		t.Fatal(err)
	}
	got, contentType, length, err := client.DownloadToBuf(name)
	if err != nil || !bytes.Equal(got, data) || contentType != kind || length != int64(len(data)) {
		t.Errorf("downloaded %d bytes of %d, %q, %v", len(got), len(data), contentType, err)
	}
}
