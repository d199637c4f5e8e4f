package host

import (
	"reflect"
	"slices"
	"testing"

	"github.com/aof-dev/aofd/host/internal/config"
)

// Each part of a configuration is known to be changed by a reload, or is told to need a restart: none is
// silently ignored.
func TestReloadForgetsNoPartOfTheConfiguration(t *testing.T) {
	t.Parallel()
	check := func(prefix string, v reflect.Type) {
		for i := range v.NumField() {
			name := prefix + v.Field(i).Name
			if (keys[name] != "") == slices.Contains(hot, name) {
				t.Errorf("config.%s must be in keys or in hot, and not in both", name)
			}
		}
	}
	check("", reflect.TypeFor[config.Config]())
	check("Runtime.", reflect.TypeFor[config.Runtime]())
	got := fixed(
		&config.Config{Platforms: []config.Platform{{ID: "a"}, {ID: "b"}}, Runtime: config.Runtime{MaxPrograms: 1, DefaultAgent: "x"}},
		&config.Config{Platforms: []config.Platform{{ID: "b"}, {ID: "c"}}, Runtime: config.Runtime{MaxPrograms: 2, DefaultAgent: "y"}, LogLevel: "warn"},
	)
	want := []string{"spec.settings.log_level", "spec.runtime.max_programs", "spec.platforms.a", "spec.platforms.c"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
