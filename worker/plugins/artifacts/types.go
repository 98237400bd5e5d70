package artifacts

import (
	"mime"
	"path"
	"strings"
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

// zipped tells whether a file is stored compressed: as the payload says, else unless its
// extension says that it is compressed already.
func zipped(e entry) bool {
	if e.ContentEncoding != "" {
		return e.ContentEncoding == "gzip"
	}
	switch strings.TrimPrefix(path.Ext(strings.ReplaceAll(e.Path, `\`, "/")), ".") {
	case "7z", "aab", "apk", "br", "bz2", "deb", "dmg", "flv", "gif", "gz", "jar", "jpeg", "jpg", "lz", "lz4", "mz",
		"npz", "pkg", "png", "swf", "sz", "tbz", "tgz", "wasm", "webp", "whl", "woff", "woff2", "xpi", "xz", "zip", "zst", "zz":
		return false
	default:
		return true
	}
}
