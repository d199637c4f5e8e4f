// Package dev is the playground behind `aofd dev`: emulators in the place of the platforms, a daemon that is
// started again whenever it ends, and one page that shows both. It is for one person on one machine: everything
// listens on the loopback interface only.
//
// An emulator is a command "emulate" of a platform's plugin, which the plugin announces with the capability
// "emulator". It takes --json, --listen and --webhook, ends on SIGTERM and at the end of its stdin, and prints one
// JSON object a line; the first one is
//
//	{"event": "ready", "page": "http://…/", "control": "http://…/_emulator/", "config": {"key": "value", …}}
//
// with the address of its page, the address of its control interface, and the keys of the platform's block that
// lead the plugin to it. Of the control interface this package uses the list of faults (POST faults, DELETE
// faults/<id>) and the stream of events (GET events) with its message and counters events.
package dev
