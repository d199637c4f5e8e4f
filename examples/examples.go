// Package examples holds what `aofd dev` begins with: a configuration and the agents of this folder that need
// nothing but a shell.
package examples

import "embed"

// Playground has playground/config.yaml, playground/trigger.yaml, in which PLATFORM stands for a platform's id,
// and the agents in agents/.
//
//go:embed playground/config.yaml playground/trigger.yaml agents/*.yaml agents/*.sh
var Playground embed.FS
