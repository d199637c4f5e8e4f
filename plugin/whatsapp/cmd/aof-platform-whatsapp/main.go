// aof-platform-whatsapp is the platform plugin for WhatsApp. The host starts it; run by hand it explains
// itself.
package main

import (
	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/platform"
)

func main() { platform.Main(whatsapp.Spec()) }
