//go:build !noui

package console

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var embedded embed.FS

var assets = func() fs.FS {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // dist is a valid path
	}
	return dist
}()
