package artifacts

import (
	"mime"
	"path"
	"strings"

	"github.com/workerkit/workerkit/internal/artifact"
)

// contentType is what the payload says, else goes by the name's extension.
func contentType(e entry) string {
	if e.ContentType != "" {
		return e.ContentType
	}
	switch extension := path.Ext(strings.ReplaceAll(e.Path, `\`, "/")); extension {
	case ".log":
		return "text/plain"
	case ".jsonl":
		return "application/jsonl"
	default:
		if known := mime.TypeByExtension(extension); known != "" {
			return known
		}
		return "application/octet-stream"
	}
}

// encoding is how a file is stored, empty for as it is: as the payload says, else with gzip unless its
// extension says that it is compressed already.
func encoding(e entry) string {
	switch e.ContentEncoding {
	case "":
	case "identity":
		return ""
	default:
		return e.ContentEncoding
	}
	switch strings.TrimPrefix(path.Ext(strings.ReplaceAll(e.Path, `\`, "/")), ".") {
	case "7z", "aab", "apk", "br", "bz2", "deb", "dmg", "flv", "gif", "gz", "jar", "jpeg", "jpg", "lz", "lz4", "mz",
		"npz", "pkg", "png", "swf", "sz", "tbz", "tgz", "wasm", "webp", "whl", "woff", "woff2", "xpi", "xz", "zip", "zst", "zz":
		return ""
	default:
		return artifact.Gzip
	}
}
