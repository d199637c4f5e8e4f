//go:build noui

package console

import "io/fs"

var assets fs.FS
