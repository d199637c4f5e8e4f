// Package version tells which version of the module a binary was built from.
package version

import "runtime/debug"

// build is set by the linker in release builds.
var build = ""

// String returns the version, without a leading "v": the one that the linker set, else the module's, else
// "0.0.0-dev".
func String() string {
	if build != "" {
		return normal(build)
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return normal(info.Main.Version)
	}
	return "0.0.0-dev"
}

// normal makes a SemVer of what `git describe` says: a bare commit becomes 0.0.0-g<commit>.
func normal(v string) string {
	if len(v) > 1 && v[0] == 'v' && v[1] >= '0' && v[1] <= '9' {
		return v[1:]
	}
	if v[0] >= '0' && v[0] <= '9' && len(v) > 1 && hasDot(v) {
		return v
	}
	return "0.0.0-g" + v
}

func hasDot(v string) bool {
	for i := range v {
		if v[i] == '.' {
			return true
		}
	}
	return false
}
