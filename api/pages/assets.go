package pages

import (
	"embed"
	"io/fs"
	"mime"
	"path"
)

//go:embed assets
var assetFiles embed.FS

// Asset returns a file that pages load, with its media type; false where there is none.
func Asset(name string) (body []byte, contentType string, ok bool) {
	body, err := fs.ReadFile(assetFiles, path.Join("assets", path.Base(name)))
	if err != nil {
		return nil, "", false
	}
	switch path.Ext(name) {
	case ".css":
		return body, "text/css; charset=utf-8", true
	case ".js":
		return body, "text/javascript; charset=utf-8", true
	}
	return body, mime.TypeByExtension(path.Ext(name)), true
}
