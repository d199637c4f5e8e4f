package whatsapp_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp"
)

// The README has a row for each key of the configuration.
func TestReadmeHasEveryKey(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := whatsapp.Spec().New.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for key := range schema.Properties {
		if !strings.Contains(string(doc), "| `"+key+"` |") {
			t.Errorf("README.md has no row for %s", key)
		}
	}
}
